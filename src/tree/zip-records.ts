import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';

/** The fields of an entry's two headers. */
export interface ZipFields {
  /** The name in UTF-8. A folder's name ends with a slash. */
  readonly name: Buffer;
  readonly method: 0 | 8;
  readonly crc: number;
  /** Both sizes are below 4 GiB. */
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  /** `st_mode`: Unix mode with the file type. */
  readonly mode: number;
  /** The offset of the local header in the file. */
  readonly offset: number;
}

/** The maximum number of entries without zip64. 65,535 means "see the zip64 record". */
export const MAX_ENTRIES_WITHOUT_ZIP64 = 0xfffe;

const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const ZIP64_OFFSET_BYTES = 12;
const ZIP64_END_BYTES = 56;
const ZIP64_LOCATOR_BYTES = 20;

const UTF8_NAMES = 0x0800;
const VERSION_NEEDED = 20;
/** Zip64 requires version 4.5 (APPNOTE 4.4.3.2). */
const VERSION_ZIP64 = 45;
const MADE_BY_UNIX = (3 << 8) | 30;

/** Returns the header before an entry's data (APPNOTE 4.3.7). */
export function localHeader(fields: ZipFields): Buffer {
  const header = Buffer.alloc(LOCAL_BYTES + fields.name.length);
  header.writeUInt32LE(0x04034b50, 0);
  writeCommon(header, 4, { ...fields, version: VERSION_NEEDED });
  fields.name.copy(header, LOCAL_BYTES);
  return header;
}

/** Returns an entry's header in the directory (APPNOTE 4.3.12), with the zip64 field if its offset needs that (4.5.3). */
export function centralHeader(fields: ZipFields): Buffer {
  const { name, mode, offset } = fields;
  const isFar = offset >= MAX_32;
  const header = Buffer.alloc(CENTRAL_BYTES + name.length + (isFar ? ZIP64_OFFSET_BYTES : 0));
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(MADE_BY_UNIX, 4);
  writeCommon(header, 6, { ...fields, version: isFar ? VERSION_ZIP64 : VERSION_NEEDED });
  header.writeUInt32LE(mode * 0x10000 + ((mode & 0o170000) === 0o040000 ? 0x10 : 0), 38);
  header.writeUInt32LE(Math.min(offset, MAX_32), 42);
  name.copy(header, CENTRAL_BYTES);
  if (isFar) {
    const extra = CENTRAL_BYTES + name.length;
    header.writeUInt16LE(ZIP64_OFFSET_BYTES, 30);
    header.writeUInt16LE(0x0001, extra);
    header.writeUInt16LE(8, extra + 2);
    header.writeBigUInt64LE(BigInt(offset), extra + 4);
  }
  return header;
}

/** The directory's place in the file. */
export interface DirectoryPlace {
  readonly count: number;
  readonly bytes: number;
  readonly offset: number;
}

/** Returns the end record (APPNOTE 4.3.16), after the zip64 records if a number needs them. */
export function endRecords(directory: DirectoryPlace): Buffer {
  const { count, bytes, offset } = directory;
  const record = Buffer.alloc(END_BYTES);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(Math.min(count, MAX_16), 8);
  record.writeUInt16LE(Math.min(count, MAX_16), 10);
  record.writeUInt32LE(Math.min(bytes, MAX_32), 12);
  record.writeUInt32LE(Math.min(offset, MAX_32), 16);
  const needsZip64 = count > MAX_ENTRIES_WITHOUT_ZIP64 || bytes >= MAX_32 || offset >= MAX_32;
  return needsZip64 ? Buffer.concat([zip64Records(directory), record]) : record;
}

/** Returns the zip64 end record (APPNOTE 4.3.14) and its locator (4.3.15). */
function zip64Records({ count, bytes, offset }: DirectoryPlace): Buffer {
  const records = Buffer.alloc(ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES);
  records.writeUInt32LE(0x06064b50, 0);
  // The size excludes the first 12 bytes.
  records.writeBigUInt64LE(BigInt(ZIP64_END_BYTES - 12), 4);
  records.writeUInt16LE(MADE_BY_UNIX, 12);
  records.writeUInt16LE(VERSION_ZIP64, 14);
  records.writeBigUInt64LE(BigInt(count), 24);
  records.writeBigUInt64LE(BigInt(count), 32);
  records.writeBigUInt64LE(BigInt(bytes), 40);
  records.writeBigUInt64LE(BigInt(offset), 48);
  records.writeUInt32LE(0x07064b50, ZIP64_END_BYTES);
  records.writeBigUInt64LE(BigInt(offset + bytes), ZIP64_END_BYTES + 8);
  records.writeUInt32LE(1, ZIP64_END_BYTES + 16);
  return records;
}

/** Writes the 26 bytes that both headers share, from the version needed to the name's length. */
function writeCommon(buffer: Buffer, start: number, fields: ZipFields & { readonly version: number }): void {
  const { time, date } = dosTime();
  buffer.writeUInt16LE(fields.version, start);
  buffer.writeUInt16LE(UTF8_NAMES, start + 2);
  buffer.writeUInt16LE(fields.method, start + 4);
  buffer.writeUInt16LE(time, start + 6);
  buffer.writeUInt16LE(date, start + 8);
  buffer.writeUInt32LE(fields.crc, start + 10);
  buffer.writeUInt32LE(fields.compressedBytes, start + 14);
  buffer.writeUInt32LE(fields.sizeBytes, start + 18);
  buffer.writeUInt16LE(fields.name.length, start + 22);
}

/** Returns the MS-DOS date and time (two-second steps) of SOURCE_DATE_EPOCH in UTC. */
function dosTime(): { readonly time: number; readonly date: number } {
  const at = new Date(SOURCE_DATE_EPOCH * 1000);
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  };
}

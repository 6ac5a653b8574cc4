import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { InternalError } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import { openDeflater, type Deflater } from './deflate.js';
import { openContent, type TreeEntry } from './tree-entry.js';

/**
 * Writes a zip whose bytes depend on the entries alone: entries in the order given, modes in the Unix
 * attributes, one date, and a deflate that is the same on every machine. A file is held in memory once, while it is
 * deflated. Links are stored as Info-ZIP does, their target as content.
 *
 * Format: PKWARE's APPNOTE 6.3.10, without zip64 (a layer is at most 250 MiB).
 */
export async function writeZip(path: string, entries: readonly TreeEntry[]): Promise<void> {
  await using file = await open(path, 'w');
  const deflater = await openDeflater();
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.type === 'directory' ? `${entry.path}/` : entry.path);
    const header = Buffer.alloc(LOCAL_BYTES + name.length);
    const dataStart = offset + header.length;
    const data = await writeData(entry, { file, at: dataStart, deflater });
    const fields = { name, ...data, mode: modeOf(entry), offset };
    writeLocalHeader(header, fields);
    await writeAll(file, header, offset);
    central.push(centralHeader(fields));
    offset = dataStart + data.compressedBytes;
  }
  const directory = Buffer.concat(central);
  const end = endOfDirectory({ count: entries.length, bytes: directory.length, offset });
  const tail = Buffer.concat([directory, end]);
  if (offset + tail.length > 0xffffffff) throw new InternalError(`a zip of ${offset} bytes needs zip64`);
  await writeAll(file, tail, offset);
}

interface Data {
  readonly method: 0 | 8;
  readonly crc: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
}

interface Fields extends Data {
  readonly name: Buffer;
  readonly mode: number;
  readonly offset: number;
}

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const STORED: Data = { method: 0, crc: 0, compressedBytes: 0, sizeBytes: 0 };
async function writeData(
  entry: TreeEntry,
  target: { readonly file: FileHandle; readonly at: number; readonly deflater: Deflater },
): Promise<Data> {
  if (entry.type === 'directory') return STORED;
  if (entry.type === 'symlink') {
    const bytes = Buffer.from(entry.target);
    await writeAll(target.file, bytes, target.at);
    return { method: 0, crc: crc32(bytes), compressedBytes: bytes.length, sizeBytes: bytes.length };
  }
  if (entry.sizeBytes === 0) return STORED;
  const bytes = target.deflater.input(entry.sizeBytes);
  await readInto(bytes, entry);
  const crc = crc32(bytes);
  const deflated = target.deflater.deflate();
  await writeAll(target.file, deflated, target.at);
  return { method: 8, crc, compressedBytes: deflated.length, sizeBytes: bytes.length };
}

/** Reads a file's content into a buffer that has its size. */
async function readInto(bytes: Uint8Array, entry: TreeEntry & { readonly type: 'file' }): Promise<void> {
  let filled = 0;
  for await (const chunk of openContent(entry) as AsyncIterable<Buffer>) {
    if (filled + chunk.length <= bytes.length) chunk.copy(bytes, filled);
    filled += chunk.length;
  }
  if (filled !== bytes.length)
    throw new InternalError(`${entry.path}: ${filled} bytes instead of ${entry.sizeBytes}`);
}

/** One write takes only a part of the bytes when the disk is nearly full; the next one then says so. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Unix mode with its file type, as `st_mode` has it. */
function modeOf(entry: TreeEntry): number {
  switch (entry.type) {
    case 'directory':
      return 0o040000 | entry.mode;
    case 'symlink':
      return 0o120777;
    case 'file':
      return 0o100000 | entry.mode;
  }
}

/** MS-DOS date and time (two-second steps) of SOURCE_DATE_EPOCH in UTC. */
function dosTime(): { readonly time: number; readonly date: number } {
  const at = new Date(SOURCE_DATE_EPOCH * 1000);
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  };
}

const UTF8_NAMES = 0x0800;
const VERSION_NEEDED = 20;
const MADE_BY_UNIX = (3 << 8) | 30;

/** The 26 bytes that both headers share, from the version needed to the name's length. */
function writeCommon(buffer: Buffer, start: number, fields: Fields): void {
  const { time, date } = dosTime();
  buffer.writeUInt16LE(VERSION_NEEDED, start);
  buffer.writeUInt16LE(UTF8_NAMES, start + 2);
  buffer.writeUInt16LE(fields.method, start + 4);
  buffer.writeUInt16LE(time, start + 6);
  buffer.writeUInt16LE(date, start + 8);
  buffer.writeUInt32LE(fields.crc, start + 10);
  buffer.writeUInt32LE(fields.compressedBytes, start + 14);
  buffer.writeUInt32LE(fields.sizeBytes, start + 18);
  buffer.writeUInt16LE(fields.name.length, start + 22);
}

function writeLocalHeader(header: Buffer, fields: Fields): void {
  header.writeUInt32LE(0x04034b50, 0);
  writeCommon(header, 4, fields);
  fields.name.copy(header, LOCAL_BYTES);
}

function centralHeader(fields: Fields): Buffer {
  const header = Buffer.alloc(CENTRAL_BYTES + fields.name.length);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(MADE_BY_UNIX, 4);
  writeCommon(header, 6, fields);
  header.writeUInt32LE(fields.mode * 0x10000 + ((fields.mode & 0o170000) === 0o040000 ? 0x10 : 0), 38);
  header.writeUInt32LE(fields.offset, 42);
  fields.name.copy(header, CENTRAL_BYTES);
  return header;
}

function endOfDirectory(end: {
  readonly count: number;
  readonly bytes: number;
  readonly offset: number;
}): Buffer {
  const record = Buffer.alloc(END_BYTES);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.count, 8);
  record.writeUInt16LE(end.count, 10);
  record.writeUInt32LE(end.bytes, 12);
  record.writeUInt32LE(end.offset, 16);
  return record;
}

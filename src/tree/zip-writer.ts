import { crc32 } from 'node:zlib';
import { InternalError, LayerError } from '../core/errors.js';
import { MAX_UNZIPPED_BYTES } from '../core/lambda-limits.js';
import { openSink } from './byte-sink.js';
import { openDeflater, type Deflater } from './deflate.js';
import { openContent, type TreeEntry } from './tree-entry.js';
import { centralHeader, endRecords, localHeader } from './zip-records.js';

/**
 * Writes a zip whose bytes depend only on the entries: in the given order, with modes in the Unix attributes, one date, and a
 * deflate that is the same on every machine. Each file is held in memory while it is deflated. A link is stored as in Info-ZIP,
 * with its target as content.
 *
 * Format: PKWARE's APPNOTE 6.3.10, with zip64 only if needed (from 65,535 entries or 4 GiB). Throws LayerError for a file that
 * exceeds Lambda's total limit, and the file system's errors.
 */
export async function writeZip(path: string, entries: readonly TreeEntry[]): Promise<void> {
  await using sink = await openSink(path);
  const deflater = await openDeflater();
  const central: Buffer[] = [];
  for (const entry of entries) {
    const name = Buffer.from(entry.type === 'directory' ? `${entry.path}/` : entry.path);
    const { bytes, ...data } = await dataOf(entry, deflater);
    const fields = { name, ...data, mode: modeOf(entry), offset: sink.position() };
    await sink.write(localHeader(fields));
    await sink.write(bytes);
    central.push(centralHeader(fields));
  }
  const directory = Buffer.concat(central);
  const end = endRecords({ count: entries.length, bytes: directory.length, offset: sink.position() });
  await sink.write(directory);
  await sink.write(end);
  await sink.flush();
}

interface Data {
  readonly method: 0 | 8;
  readonly crc: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  /** The bytes in the zip. Valid until the next entry. */
  readonly bytes: Uint8Array;
}

const NOTHING = stored(Buffer.alloc(0));

function stored(bytes: Uint8Array): Data {
  return { method: 0, crc: crc32(bytes), compressedBytes: bytes.length, sizeBytes: bytes.length, bytes };
}

async function dataOf(entry: TreeEntry, deflater: Deflater): Promise<Data> {
  if (entry.type === 'directory') return NOTHING;
  if (entry.type === 'symlink') return stored(Buffer.from(entry.target));
  if (entry.sizeBytes === 0) return NOTHING;
  if (entry.sizeBytes > MAX_UNZIPPED_BYTES)
    throw new LayerError(
      `${entry.path} has ${entry.sizeBytes} bytes, over Lambda's total limit of ${MAX_UNZIPPED_BYTES}`,
      { hint: 'Leave it out; the function can read large data from S3 or EFS.' },
    );
  const bytes = deflater.input(entry.sizeBytes);
  await readInto(bytes, entry);
  const crc = crc32(bytes);
  const deflated = deflater.deflate();
  return {
    method: 8,
    crc,
    compressedBytes: deflated.length,
    sizeBytes: entry.sizeBytes,
    bytes: deflated,
  };
}

/** Reads a file's content into a buffer of its size. */
async function readInto(bytes: Uint8Array, entry: TreeEntry & { readonly type: 'file' }): Promise<void> {
  let filled = 0;
  for await (const chunk of openContent(entry) as AsyncIterable<Buffer>) {
    if (filled + chunk.length <= bytes.length) chunk.copy(bytes, filled);
    filled += chunk.length;
  }
  if (filled !== bytes.length)
    throw new InternalError(`${entry.path}: ${filled} bytes instead of ${entry.sizeBytes}`);
}

/** Returns the Unix mode with the file type, as in `st_mode`. */
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

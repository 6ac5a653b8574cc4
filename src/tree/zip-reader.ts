import { dirname, posix } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { crc32, createInflateRaw } from 'node:zlib';
import { open as openCallback, type Entry, type ZipFile } from 'yauzl';
import { LayerError, LayersmithError } from '../core/errors.js';
import { errorCodeOf, writingTo } from '../core/file-system.js';
import { MAX_UNZIPPED_BYTES } from '../core/lambda-limits.js';
import { openSink } from './byte-sink.js';
import { scratchTree, type ScratchPlace, type Tree } from './tree.js';
import type { Content, TreeEntry } from './tree-entry.js';

const openZip = promisify<string, { lazyEntries: boolean; autoClose: boolean }, ZipFile>(openCallback);

/** Compression method 8 (APPNOTE 4.4.5). */
const DEFLATED = 8;
/** The file type in `st_mode`, and that of a symbolic link. */
const FILE_TYPE = 0o170000;
const LINK = 0o120000;
/** Linux's limit for the length of a path. */
const MAX_LINK_BYTES = 4096;

/** yauzl's messages for names that would be written outside the folder where the zip is unpacked. */
const HOSTILE_NAME = /^(invalid relative path|absolute path): /;

/**
 * Reads the zip of a layer or function. Throws LayerError for a file that is missing, not a zip, damaged, larger than Lambda
 * allows, or has an entry that leaves the tree, and StorageError if the bytes cannot be written. Skips the files for which
 * `isWanted` returns false.
 */
export function readZip(
  path: string,
  place: ScratchPlace,
  isWanted: (path: string) => boolean = () => true,
): Promise<Tree> {
  return scratchTree(place, async (file) => {
    try {
      const zip = await openZip(path, { lazyEntries: true, autoClose: false });
      try {
        return { entries: await readEntries(zip, { path, file, isWanted }) };
      } finally {
        zip.close();
      }
    } catch (cause) {
      if (cause instanceof LayersmithError) throw cause;
      throw unreadable(path, cause);
    }
  });
}

function unreadable(path: string, cause: unknown): LayerError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (errorCodeOf(cause) === 'ENOENT') {
    return new LayerError(`cannot read the zip ${path}: the file does not exist`, {
      hint: 'Give the path of a layer zip, as printed by `layersmith build`.',
      cause,
    });
  }
  return new LayerError(`cannot read the zip ${path}: ${message}`, {
    hint: HOSTILE_NAME.test(message)
      ? 'Do not unpack this zip: it would write outside the folder. Get it from its author, or build it again.'
      : 'The zip is damaged or incomplete: download or build it again, and check its sha256.',
    cause,
  });
}

async function readEntries(
  zip: ZipFile,
  options: {
    readonly path: string;
    readonly file: string;
    readonly isWanted: (path: string) => boolean;
  },
): Promise<readonly TreeEntry[]> {
  const { path, file, isWanted } = options;
  const folder = dirname(file);
  await using sink = await writingTo(folder, () => openSink(file));
  const openEntry = promisify<Entry, { readonly decompress: false | null }, Readable>(
    (entry, options, callback) => {
      zip.openReadStream(entry, options, callback);
    },
  );
  const entries: TreeEntry[] = [];
  let declared = 0;
  for await (const entry of entriesOf(zip)) {
    const mode = modeOf(entry);
    const name = pathOf(entry);
    if (!isWanted(name)) continue;
    if (entry.fileName.endsWith('/')) {
      entries.push({ type: 'directory', path: name, mode: mode & 0o7777 || 0o755 });
      continue;
    }
    declared += entry.uncompressedSize;
    if (declared > MAX_UNZIPPED_BYTES) throw tooLarge(path);
    const deflated = entry.compressionMethod === DEFLATED;
    const isLink = (mode & FILE_TYPE) === LINK;
    // Many files are empty. Open no stream for them.
    const isEmpty = entry.compressedSize === 0 && entry.uncompressedSize === 0 && entry.crc32 === 0;
    if (isEmpty && !isLink) {
      entries.push(toFile(entry, { file, start: sink.position() }));
      continue;
    }
    // Before its stream is open: a stream that nobody reads is never closed, and neither is the zip.
    if (isLink && entry.uncompressedSize > MAX_LINK_BYTES)
      throw new Error(`the link ${entry.fileName} is too long`);
    const stored = await openEntry(entry, { decompress: deflated ? false : null });
    const content = deflated ? inflate(stored) : stored;
    if (isLink) {
      const chunks: Buffer[] = [];
      await checked(entry, content, (chunk) => chunks.push(chunk));
      entries.push({ type: 'symlink', path: name, target: Buffer.concat(chunks).toString() });
      continue;
    }
    const start = sink.position();
    await checked(entry, content, (chunk) => {
      const waiting = sink.write(chunk);
      return waiting && writingTo(folder, () => waiting);
    });
    entries.push(toFile(entry, { file, start }));
  }
  await writingTo(folder, () => sink.flush());
  return entries;
}

function toFile(entry: Entry, content: Content): TreeEntry {
  return {
    type: 'file',
    path: pathOf(entry),
    mode: modeOf(entry) & 0o7777 || 0o644,
    sizeBytes: entry.uncompressedSize,
    content,
    mtime: Math.floor(entry.getLastModDate({ timezone: 'UTC' }).getTime() / 1000),
  };
}

function pathOf({ fileName }: Entry): string {
  return posix.normalize(fileName).replace(/\/$/, '');
}

/** Returns `st_mode` if the zip was made on Unix. */
function modeOf({ externalFileAttributes }: Entry): number {
  return externalFileAttributes >>> 16;
}

/** Creates the error for a zip that is too large. Sizes are checked before unpacking, so a small zip cannot fill the disk. */
function tooLarge(path: string): LayerError {
  return new LayerError(
    `${path} unpacks to more than ${MAX_UNZIPPED_BYTES} bytes, the most that Lambda allows`,
    {
      hint: 'Leave out files that are not needed at run time. If the zip is small and not yours, it may be a zip bomb.',
    },
  );
}

/** Yields an entry's bytes. Throws an error if their size or checksum differs from the directory's. */
async function checked(
  { fileName, uncompressedSize, crc32: expected }: Entry,
  content: Readable,
  write: (chunk: Buffer) => unknown,
): Promise<void> {
  let sizeBytes = 0;
  let checksum = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > uncompressedSize) break;
    checksum = crc32(chunk, checksum);
    await write(chunk);
  }
  if (sizeBytes !== uncompressedSize) throw new Error(`the size of ${fileName} is wrong`);
  if (checksum !== expected) throw new Error(`the checksum of ${fileName} is wrong`);
}

/** Inflates like yauzl, but in pieces sixteen times as large, which takes half the time. */
function inflate(deflated: Readable): Readable {
  const inflated = createInflateRaw({ chunkSize: 256 * 1024 });
  // Destroys each stream when the other fails or is left early. The reader of `inflated` receives the error.
  return pipeline(deflated, inflated, () => undefined);
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  const next = (): Promise<Entry | undefined> =>
    new Promise((resolve, reject) => {
      zip.once('entry', resolve);
      zip.once('end', () => {
        resolve(undefined);
      });
      zip.once('error', reject);
      zip.readEntry();
    });
  for (let entry = await next(); entry !== undefined; entry = await next()) {
    zip.removeAllListeners();
    yield entry;
  }
}

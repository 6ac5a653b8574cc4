import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

/** Where an entry's bytes are: in memory, or in a file. */
export type Content = { readonly bytes: Uint8Array } | { readonly file: string; readonly start: number };

/** One normalized entry of an archive. It does not depend on the host's users, clock or file order. */
export type TreeEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly type: 'file';
      readonly path: string;
      readonly mode: number;
      readonly sizeBytes: number;
      readonly content: Content;
      /** Seconds since 1970, for files that are run in place. Defaults to SOURCE_DATE_EPOCH. */
      readonly mtime?: number;
    };

/** Creates a file entry from bytes in memory. */
export function fileEntry(path: string, data: string | Uint8Array, mode = 0o644): TreeEntry {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return { type: 'file', path, mode, sizeBytes: bytes.length, content: { bytes } };
}

/** How many bytes of a file are read at a time. */
const READ_BYTES = 128 * 1024;

/** Opens an entry's bytes as a stream. */
export function openContent(entry: TreeEntry & { readonly type: 'file' }): Readable {
  const { content, sizeBytes } = entry;
  if ('bytes' in content) return Readable.from([content.bytes], { objectMode: false });
  if (sizeBytes === 0) return Readable.from([], { objectMode: false });
  return createReadStream(content.file, {
    start: content.start,
    end: content.start + sizeBytes - 1,
    highWaterMark: READ_BYTES,
  });
}

/** Compares paths by code unit, so that the order is the same on every machine and in every locale. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : Number(a.path > b.path);
}

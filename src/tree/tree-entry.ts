import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

/** Where an entry's bytes are. */
export type Content = { readonly bytes: Uint8Array } | { readonly file: string; readonly start: number };

/** One entry of an archive, normalized: nothing of the host's users, clock or file order is in it. */
export type TreeEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly type: 'file';
      readonly path: string;
      readonly mode: number;
      readonly sizeBytes: number;
      readonly content: Content;
      /** Seconds since 1970, of a file that is to be run where it lies; SOURCE_DATE_EPOCH otherwise. */
      readonly mtime?: number;
    };

/** The entry of bytes that are in memory. */
export function fileEntry(path: string, data: string | Uint8Array, mode = 0o644): TreeEntry {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return { type: 'file', path, mode, sizeBytes: bytes.length, content: { bytes } };
}

/** Of a layer's files at once: they are read whole. */
const READ_BYTES = 128 * 1024;

/** An entry's bytes as a stream. */
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

/** Orders by path, by code unit: the same on every machine and in every locale. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : Number(a.path > b.path);
}

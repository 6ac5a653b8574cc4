import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';

/** Where an entry's bytes are. */
export type Content = { readonly bytes: Uint8Array } | { readonly file: string; readonly start: number };

/** One entry of an archive, normalised: nothing of the host's users, clock or file order is in it. */
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

/** A tar of the entries in their order, all owned by `owner` (uid and gid) and of one date, but for files that have their own. */
export function packTree(entries: Iterable<TreeEntry>, options: { readonly owner: number }): Readable {
  const { owner } = options;
  const archive = pack();
  const common = { uid: owner, gid: owner, mtime: new Date(SOURCE_DATE_EPOCH * 1000) };
  const write = async (): Promise<void> => {
    for (const entry of entries) {
      switch (entry.type) {
        case 'directory':
          archive.entry({ ...common, name: `${entry.path}/`, type: 'directory', mode: entry.mode });
          break;
        case 'symlink':
          archive.entry({
            ...common,
            name: entry.path,
            type: 'symlink',
            linkname: entry.target,
            mode: 0o777,
          });
          break;
        case 'file': {
          const sink = archive.entry({
            ...common,
            name: entry.path,
            mode: entry.mode,
            size: entry.sizeBytes,
            mtime: new Date((entry.mtime ?? SOURCE_DATE_EPOCH) * 1000),
          });
          await pipeline(openContent(entry), sink as unknown as NodeJS.WritableStream);
        }
      }
    }
    archive.finalize();
  };
  // tar-stream's own stream is a streamx one; Node's functions want Node's.
  const out = Readable.from(archive, { objectMode: false });
  write().catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return out;
}

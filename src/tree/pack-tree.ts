import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { Sha256 } from '../core/digest.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import { openContent, type TreeEntry } from './tree-entry.js';

/** Packs the entries into a tar, in their order, owned by `owner` (uid and gid). Files without a time get one fixed date. */
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
  // tar-stream's stream comes from streamx. Node's functions need one of Node's own.
  const out = Readable.from(archive, { objectMode: false });
  write().catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return out;
}

/** Returns the sha256 of the tar of the entries, as an artifact has it. */
export async function treeDigest(entries: Iterable<TreeEntry>): Promise<Sha256> {
  const hash = createHash('sha256');
  for await (const chunk of packTree(entries, { owner: 0 })) hash.update(chunk as Buffer);
  return hash.digest('hex') as Sha256;
}

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { extract } from 'tar-stream';
import type { TreeEntry } from './tree-entry.js';

/**
 * Reads an artifact (a normalized tar of ours) into entries whose bytes are put into the file `spool`: those that `wanted`
 * says yes to, all by default. Folders are left out unless asked for.
 */
export async function readArtifact(
  artifact: string,
  options: {
    readonly spool: string;
    readonly wanted?: (path: string) => boolean;
    readonly folders?: boolean;
  },
): Promise<TreeEntry[]> {
  const { spool, wanted = () => true, folders = false } = options;
  await using sink = await open(spool, 'w');
  const reader = extract();
  const source = createReadStream(artifact, { highWaterMark: 1 << 20 });
  source.on('error', (error) => {
    reader.destroy(error);
  });
  reader.on('error', () => undefined);
  source.pipe(reader);
  const entries: TreeEntry[] = [];
  let offset = 0;
  try {
    for await (const entry of reader) {
      const { header } = entry;
      const path = header.name.replace(/\/$/, '');
      const { mode, size: sizeBytes } = header;
      if (!wanted(path) || header.type === 'directory') {
        if (folders && header.type === 'directory') entries.push({ type: 'directory', path, mode });
        entry.resume();
        continue;
      }
      if (header.type === 'symlink') {
        entries.push({ type: 'symlink', path, target: header.linkname });
        entry.resume();
        continue;
      }
      entries.push({ type: 'file', path, mode, sizeBytes, content: { file: spool, start: offset } });
      offset += sizeBytes;
      for await (const chunk of entry as AsyncIterable<Buffer>) await sink.writeFile(chunk);
    }
  } finally {
    source.unpipe(reader);
    source.destroy();
  }
  return entries;
}

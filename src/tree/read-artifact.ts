import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { readTar } from './read-tar.js';
import { scratchTree, type ScratchPlace, type Tree } from './tree.js';
import type { TreeEntry } from './tree-entry.js';

/** How many bytes of an artifact are read at a time. */
const READ_BYTES = 1024 ** 2;

/** Reads the entries of an artifact (a normalized tar) that `wanted` accepts. By default it accepts all but folders. */
export function readArtifact(
  artifact: string,
  options: ScratchPlace & {
    readonly wanted?: (path: string) => boolean;
    readonly folders?: boolean;
  },
): Promise<Tree> {
  const { wanted = () => true, folders = false } = options;
  return scratchTree(options, async (file) => {
    await using sink = await open(file, 'w');
    const entries: TreeEntry[] = [];
    let start = 0;
    const source = createReadStream(artifact, { highWaterMark: READ_BYTES });
    for await (const { header, content } of readTar(source)) {
      const path = header.name.replace(/\/$/, '');
      const { mode, size: sizeBytes } = header;
      if (header.type === 'directory') {
        if (folders) entries.push({ type: 'directory', path, mode });
      } else if (!wanted(path)) {
        continue;
      } else if (header.type === 'symlink') {
        entries.push({ type: 'symlink', path, target: header.linkname });
      } else {
        entries.push({ type: 'file', path, mode, sizeBytes, content: { file, start } });
        start += sizeBytes;
        for await (const chunk of content) await sink.writeFile(chunk);
      }
    }
    return { entries };
  });
}

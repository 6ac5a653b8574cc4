import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { extract } from 'tar-stream';
import { LayerError } from '../core/errors.js';
import { byPath, fileEntry, type TreeEntry } from '../core/tar.js';
import type { Recipe } from '../recipe/recipe.js';

/** Where stages leave the licence texts of what they compile, below `/opt`. */
const LICENCES = 'share/licenses';

export interface LayerInput {
  readonly recipe: Recipe;
  /** The root stage's artifact: a tar of what it installed below `/opt`, its needs' licences included. */
  readonly artifact: string;
  /** The generated `bootstrap`. */
  readonly bootstrap: string;
  /** A file that the entries' bytes are put into. */
  readonly spool: string;
}

/**
 * What Lambda will see under `/opt`, sorted: the artifact's files that the recipe names, the bootstrap, the
 * package's own layer files (`php.ini`), and all licences. Throws LayerError when the artifact lacks a file
 * that the recipe names, and when a layer file would take the place of another.
 */
export async function assembleLayerTree(input: LayerInput): Promise<readonly TreeEntry[]> {
  const { recipe } = input;
  const wanted = [...(recipe.layer?.files ?? []), LICENCES];
  const entries = await takeFromArtifact(input, wanted);
  const missing = wanted.filter((path) => !entries.some((entry) => isAtOrBelow(entry.path, path)));
  if (missing.length > 0) {
    throw new LayerError(`${recipe.name} did not install ${missing.join(', ')}`, {
      hint: 'Make `layer.files` in its package.yaml and what its build.sh installs agree.',
    });
  }
  entries.push(fileEntry('bootstrap', input.bootstrap, 0o755));
  for (const [path, file] of recipe.layerFiles) {
    entries.push(fileEntry(path, await readFile(file)));
  }
  const files = entries.filter((entry) => entry.type !== 'directory');
  const twice = files.find(({ path }, index) => files.findIndex((other) => other.path === path) < index);
  if (twice !== undefined) {
    throw new LayerError(`${recipe.name} has ${twice.path} twice in its layer`, {
      hint: 'Rename the file below its layer/ folder, or leave it out of `layer.files`.',
    });
  }
  const folders = new Set(files.flatMap((entry) => parentsOf(entry.path)));
  const directories = [...folders].map((path): TreeEntry => ({ type: 'directory', path, mode: 0o755 }));
  return [...files, ...directories].sort(byPath);
}

async function takeFromArtifact(
  { artifact, spool }: LayerInput,
  wanted: readonly string[],
): Promise<TreeEntry[]> {
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
      if (!wanted.some((want) => isAtOrBelow(path, want)) || header.type === 'directory') {
        entry.resume();
        continue;
      }
      if (header.type === 'symlink') {
        entries.push({ type: 'symlink', path, target: header.linkname });
        entry.resume();
        continue;
      }
      const sizeBytes = header.size;
      entries.push({
        type: 'file',
        path,
        mode: header.mode,
        sizeBytes,
        content: { file: spool, start: offset },
      });
      offset += sizeBytes;
      for await (const chunk of entry as AsyncIterable<Buffer>) await sink.writeFile(chunk);
    }
  } finally {
    source.unpipe(reader);
    source.destroy();
  }
  return entries;
}

function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function parentsOf(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '.' ? [] : [...parentsOf(parent), parent];
}

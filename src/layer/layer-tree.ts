import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { LayerError } from '../core/errors.js';
import { byPath, fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import type { Recipe } from '../recipe/recipe.js';
import { MANIFEST_PATH, writeManifest, type Manifest } from './manifest.js';
import { readArtifact } from '../tree/read-artifact.js';
import { changedTree, type ScratchPlace, type Tree } from '../tree/tree.js';

/** Folder below `/opt` in which stages store the license texts of what they compile. */
const LICENSES = 'share/licenses';

/** Input of `assembleLayerTree`. */
export interface LayerInput extends ScratchPlace {
  readonly recipe: Recipe;
  /** The root stage's artifact: a tar of what it installed below `/opt`, with the licenses of its needs. */
  readonly artifact: string;
  /** The generated `bootstrap`. */
  readonly bootstrap: string;
  readonly manifest: Manifest;
}

/**
 * Assembles the content of `/opt`, sorted: the artifact's files that the recipe names, the bootstrap, the package's own layer
 * files (`php.ini`), the manifest, and all licenses. Throws LayerError if the artifact lacks a file that the recipe names or
 * the license text of a compiled stage, and if a layer file would replace another file.
 */
export async function assembleLayerTree(input: LayerInput): Promise<Tree> {
  const wanted = [...(input.recipe.layer?.files ?? []), LICENSES];
  const artifact = await readArtifact(input.artifact, {
    tmpDir: input.tmpDir,
    wanted: (path) => wanted.some((want) => isAtOrBelow(path, want)),
  });
  return await changedTree(artifact, (found) => layerEntries(found, { ...input, wanted }));
}

async function layerEntries(
  found: readonly TreeEntry[],
  input: LayerInput & { readonly wanted: readonly string[] },
): Promise<readonly TreeEntry[]> {
  const { recipe, wanted } = input;
  const entries = [...found];
  const missing = wanted.filter((path) => !entries.some((entry) => isAtOrBelow(entry.path, path)));
  if (missing.length > 0) {
    throw new LayerError(`${recipe.name} did not install ${missing.join(', ')}`, {
      hint: 'Make `layer.files` in its package.yaml and what its build.sh installs agree.',
    });
  }
  const without = input.manifest.stages.filter(
    (stage) =>
      !entries.some(
        ({ path, type }) => type !== 'directory' && isAtOrBelow(path, `${LICENSES}/${stage.package}`),
      ),
  );
  if (without.length > 0) {
    throw new LayerError(
      `the layer has no license text of ${without.map((stage) => stage.recipe).join(', ')}`,
      {
        hint: 'Call `licence FILE…` in the build.sh of each.',
      },
    );
  }
  entries.push(fileEntry('bootstrap', input.bootstrap, 0o755));
  entries.push(fileEntry(MANIFEST_PATH, writeManifest(input.manifest)));
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

function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function parentsOf(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '.' ? [] : [...parentsOf(parent), parent];
}

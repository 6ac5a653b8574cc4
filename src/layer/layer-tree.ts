import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { openScope } from '../core/disposal-scope.js';
import { LayerError } from '../core/errors.js';
import { isExecutable } from '../core/file-system.js';
import { byPath, fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import type { Recipe } from '../recipe/recipe.js';
import { MANIFEST_PATH, writeManifest, type Manifest } from './manifest.js';
import { readArtifact } from '../tree/read-artifact.js';
import type { ScratchPlace, Tree } from '../tree/tree.js';

/** Folder below `/opt` in which stages store the license texts of what they compile. */
const LICENSES = 'share/licenses';

/** A package whose files go into a layer. */
export interface LayerPart {
  readonly recipe: Recipe;
  /** The artifact of its stage: a tar of what it installed below `/opt`, with the licenses of its needs. */
  readonly artifact: string;
}

/** Input of `assembleLayerTree`. */
export interface LayerInput extends ScratchPlace {
  /** The interpreter, and its extensions. */
  readonly parts: readonly LayerPart[];
  /** The generated files: `bootstrap`, and the settings that load the extensions. */
  readonly generated: readonly TreeEntry[];
  /** The files that the layer's definition adds, by their paths below `/opt`. */
  readonly added: ReadonlyMap<string, string>;
  readonly manifest: Manifest;
}

/**
 * Assembles the content of `/opt`, sorted: the files of the artifacts that the recipes name, the generated files, the packages'
 * own layer files (`php.ini`), added files, the manifest, and all licenses. Throws LayerError if an artifact lacks a file that
 * its recipe names, if the license text of a compiled stage is missing, and if two of the others have the same path.
 */
export async function assembleLayerTree(input: LayerInput): Promise<Tree> {
  const scope = openScope();
  try {
    const entries: TreeEntry[] = [];
    for (const part of input.parts) entries.push(...scope.own(await partTree(part, input)).entries);
    return {
      entries: await layerEntries(entries, input),
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads the files of a part that go into the layer. */
async function partTree({ recipe, artifact }: LayerPart, { tmpDir }: ScratchPlace): Promise<Tree> {
  const wanted = [...(recipe.layer?.files ?? recipe.extension?.files ?? []), LICENSES];
  const tree = await readArtifact(artifact, {
    tmpDir,
    wanted: (path) => wanted.some((want) => isAtOrBelow(path, want)),
  });
  const missing = wanted.filter((path) => !tree.entries.some((entry) => isAtOrBelow(entry.path, path)));
  if (missing.length === 0) return tree;
  await tree[Symbol.asyncDispose]();
  const key = recipe.extension === undefined ? 'layer.files' : 'extension.files';
  throw new LayerError(`${recipe.name} did not install ${missing.join(', ')}`, {
    hint: `Make \`${key}\` in its package.yaml and what its build.sh installs agree.`,
  });
}

async function layerEntries(found: readonly TreeEntry[], input: LayerInput): Promise<readonly TreeEntry[]> {
  refuseUnlicensed(found, input.manifest);
  // Packages that several parts are linked with have the same license texts in each.
  const isFirst = ({ path }: TreeEntry, index: number): boolean =>
    !isAtOrBelow(path, LICENSES) || found.findIndex((other) => other.path === path) === index;
  const entries = [...found.filter(isFirst), ...input.generated];
  entries.push(fileEntry(MANIFEST_PATH, writeManifest(input.manifest)));
  const ofRecipes = input.parts.flatMap(({ recipe }) => [...recipe.layerFiles]);
  for (const [path, file] of ofRecipes) entries.push(fileEntry(path, await readFile(file)));
  for (const [path, file] of input.added) {
    entries.push(fileEntry(path, await readFile(file), (await isExecutable(file)) ? 0o755 : 0o644));
  }
  return withFolders(entries);
}

function refuseUnlicensed(entries: readonly TreeEntry[], { stages }: Manifest): void {
  const without = stages.filter(
    (stage) =>
      !entries.some(
        ({ path, type }) => type !== 'directory' && isAtOrBelow(path, `${LICENSES}/${stage.package}`),
      ),
  );
  if (without.length === 0) return;
  throw new LayerError(
    `the layer has no license text of ${without.map((stage) => stage.recipe).join(', ')}`,
    { hint: 'Call `licence FILE…` in the build.sh of each.' },
  );
}

const RENAME =
  "Rename the file in the package's layer/ folder or in the layer's `files`, or leave it out of `layer.files`.";

/** Adds the folders of all files. Throws LayerError for two files with the same path, and for a file that is also a folder. */
function withFolders(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const files = entries.filter((entry) => entry.type !== 'directory');
  const seen = new Set<string>();
  for (const { path } of files) {
    if (seen.has(path)) {
      throw new LayerError(`the layer has ${path} twice`, { hint: RENAME });
    }
    seen.add(path);
  }
  const folders = new Set(files.flatMap((entry) => parentsOf(entry.path)));
  const both = files.find(({ path }) => folders.has(path));
  if (both !== undefined) {
    throw new LayerError(`the layer has ${both.path} both as a file and as a folder`, { hint: RENAME });
  }
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

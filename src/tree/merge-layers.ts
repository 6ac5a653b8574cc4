import { posix } from 'node:path';
import { LayerError } from '../core/errors.js';
import { byPath, type TreeEntry } from './tree-entry.js';
import { MAX_UNZIPPED_BYTES } from '../core/lambda-limits.js';

/** A Lambda function has at most so many layers. */
const MAX_LAYERS = 5;

/** Entries, and where they come from, for messages: a path, or `the package`. */
export interface NamedEntries {
  readonly path: string;
  readonly entries: readonly TreeEntry[];
}

interface Placed {
  readonly entry: TreeEntry;
  /** The layer that it came from. */
  readonly from: string;
}

/**
 * What `/opt` holds when Lambda has unpacked the layers in their order: files of later ones replace those of
 * earlier ones. Sorted, with every folder. The entries are borrowed: the layers' trees have to outlive them. Throws
 * LayerError for more than five layers, and where one layer has a folder and another has a file or a link in its place.
 */
export function mergeLayers(layers: readonly NamedEntries[]): readonly TreeEntry[] {
  if (layers.length > MAX_LAYERS) {
    throw new LayerError(`${layers.length} layers are more than the ${MAX_LAYERS} that Lambda takes`, {
      hint: 'Put what belongs together into one layer.',
    });
  }
  const placed = new Map<string, Placed>();
  for (const { path: from, entries } of layers) {
    for (const entry of entries) {
      const path = normalized(entry.path);
      if (path === '') continue;
      for (const parent of parentsOf(path)) {
        const there = placed.get(parent);
        const folder: TreeEntry = { type: 'directory', path: parent, mode: 0o755 };
        if (there === undefined) placed.set(parent, { entry: folder, from });
        else if (there.entry.type !== 'directory') throw conflict(there, { entry: folder, from });
      }
      const there = placed.get(path);
      const isFolder = entry.type === 'directory';
      if (there !== undefined && (there.entry.type === 'directory') !== isFolder)
        throw conflict(there, { entry, from });
      placed.set(path, { entry: { ...entry, path }, from });
    }
  }
  return [...placed.values()].map(({ entry }) => entry).sort(byPath);
}

/** A tree's entries sorted and with every folder, as `mergeLayers` gives them. Throws LayerError where a file is also a folder. */
export function withFolders(code: NamedEntries): readonly TreeEntry[] {
  return mergeLayers([code]);
}

/** Throws LayerError where Lambda refuses a function with its layers for what they have unzipped. */
export function checkUnzippedSize(...trees: readonly (readonly TreeEntry[])[]): void {
  const bytes = trees.flat().reduce((sum, entry) => sum + (entry.type === 'file' ? entry.sizeBytes : 0), 0);
  if (bytes <= MAX_UNZIPPED_BYTES) return;
  throw new LayerError(
    `the function and its layers have ${bytes} bytes unzipped, over Lambda's ${MAX_UNZIPPED_BYTES}`,
    { hint: 'Leave out what the function does not need at run time: tests, docs, development packages.' },
  );
}

/** Throws LayerError when nothing in the merged layers can be started. */
export function checkBootstrap(opt: readonly TreeEntry[]): void {
  if (opt.some(({ path, type }) => path === 'bootstrap' && type !== 'directory')) return;
  throw new LayerError('none of the layers has a bootstrap', {
    hint: 'Name a runtime layer, as `layersmith build` makes: `bootstrap` is at the top of its zip.',
  });
}

function conflict(first: Placed, second: Placed): LayerError {
  const { path } = first.entry;
  const kinds = { directory: 'a folder', file: 'a file', symlink: 'a link' } as const;
  return new LayerError(
    `${path} is ${kinds[first.entry.type]} in ${first.from} and ${kinds[second.entry.type]} in ${second.from}`,
    { hint: 'Rename one of them, or leave one of the layers out.' },
  );
}

function normalized(path: string): string {
  const clean = posix.normalize(path).replace(/\/$/, '');
  return clean === '.' ? '' : clean;
}

function parentsOf(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '.' ? [] : [...parentsOf(parent), parent];
}

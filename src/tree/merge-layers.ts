import { posix } from 'node:path';
import { LayerError } from '../core/errors.js';
import { byPath, type TreeEntry } from './tree-entry.js';
import { MAX_UNZIPPED_BYTES } from '../core/lambda-limits.js';

/** Lambda's limit for the layers of a function. */
const MAX_LAYERS = 5;

/** Entries and their origin for messages: a path, or `the package`. */
export interface NamedEntries {
  readonly path: string;
  readonly entries: readonly TreeEntry[];
}

interface Placed {
  readonly entry: TreeEntry;
  /** The layer that contains it. */
  readonly from: string;
}

/**
 * Merges layers as Lambda does when it unpacks them to `/opt`: files of later layers replace those of earlier ones. The result
 * is sorted and contains every folder. It borrows the entries: the layers' trees must outlive them. Throws LayerError for more
 * than five layers, and if a path is a folder in one layer and a file or link in another.
 */
export function mergeLayers(layers: readonly NamedEntries[]): readonly TreeEntry[] {
  if (layers.length > MAX_LAYERS) {
    throw new LayerError(`${layers.length} layers are more than the ${MAX_LAYERS} that Lambda allows`, {
      hint: 'Combine some of the layers into one.',
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

/** Sorts a tree's entries and adds every folder. Throws LayerError if a file is also a folder. */
export function withFolders(code: NamedEntries): readonly TreeEntry[] {
  return mergeLayers([code]);
}

/** Checks Lambda's limit for the unzipped size of a function with its layers. Throws LayerError if it is exceeded. */
export function checkUnzippedSize(...trees: readonly (readonly TreeEntry[])[]): void {
  const bytes = trees.flat().reduce((sum, entry) => sum + (entry.type === 'file' ? entry.sizeBytes : 0), 0);
  if (bytes <= MAX_UNZIPPED_BYTES) return;
  throw new LayerError(
    `the function and its layers have ${bytes} bytes unzipped, over Lambda's ${MAX_UNZIPPED_BYTES}`,
    { hint: 'Leave out what the function does not need at run time: tests, docs, development packages.' },
  );
}

/** Checks that the merged layers contain a bootstrap. Throws LayerError if they do not. */
export function checkBootstrap(opt: readonly TreeEntry[]): void {
  if (opt.some(({ path, type }) => path === 'bootstrap' && type !== 'directory')) return;
  throw new LayerError('none of the layers has a bootstrap', {
    hint: 'Name a runtime layer, as built by `layersmith build`, with `bootstrap` at the top of its zip.',
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

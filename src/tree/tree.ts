import { scratchFile } from '../core/scratch.js';
import type { TreeEntry } from './tree-entry.js';

/**
 * The entries of a folder, an archive or a layer, with the temporary file that holds their bytes. Disposing of the tree removes
 * that file; the entries can be read until then. Entries that another tree takes over are borrowed: their owner must outlive
 * it.
 */
export interface Tree extends AsyncDisposable {
  readonly entries: readonly TreeEntry[];
}

/** A folder for temporary files: the store's, or the user's (`openUserScratch`). Opening it removes leftover files. */
export interface ScratchPlace {
  readonly tmpDir: string;
}

/**
 * Creates a tree whose bytes are in a temporary file in `tmpDir`. `fill` receives the path and writes the file. The file is
 * removed with the tree, and if `fill` throws.
 */
export async function scratchTree<T extends { readonly entries: readonly TreeEntry[] }>(
  { tmpDir }: ScratchPlace,
  fill: (file: string) => Promise<T>,
): Promise<T & Tree> {
  const file = scratchFile(tmpDir);
  try {
    return { ...(await fill(file.path)), [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** Creates a tree whose bytes are in memory or owned by another tree. Disposing of it does nothing. */
export function borrowedTree(entries: readonly TreeEntry[]): Tree {
  return { entries, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Replaces a tree's entries by the result of `change`. The new tree owns the bytes, which are removed if `change` throws. */
export async function changedTree(
  tree: Tree,
  change: (entries: readonly TreeEntry[]) => readonly TreeEntry[] | Promise<readonly TreeEntry[]>,
): Promise<Tree> {
  try {
    return { ...tree, entries: await change(tree.entries) };
  } catch (error) {
    await tree[Symbol.asyncDispose]();
    throw error;
  }
}

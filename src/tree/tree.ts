import { scratchFile } from '../core/scratch.js';
import type { TreeEntry } from './tree-entry.js';

/**
 * The entries of a folder, an archive or a layer, and the owner of the temporary file that holds their bytes. The entries can
 * be read until the tree is disposed of, which removes that file. Entries taken over into another tree are borrowed: their
 * owner has to outlive it.
 */
export interface Tree extends AsyncDisposable {
  readonly entries: readonly TreeEntry[];
}

/** A folder for temporary files: the store's, or the user's own (`openUserScratch`). Both are swept when they are opened. */
export interface ScratchPlace {
  readonly tmpDir: string;
}

/**
 * Makes a tree whose bytes are in a temporary file of `tmpDir`, which `fill` writes at the path that it gets. The file is
 * removed with the tree, and when `fill` throws.
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

/** Makes a tree of entries whose bytes belong to somebody else, or are in memory: disposing of it does nothing. */
export function borrowedTree(entries: readonly TreeEntry[]): Tree {
  return { entries, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Replaces a tree's entries by what `change` makes of them. The new tree owns the bytes; they are removed when `change` throws. */
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

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';

/** Reads files of bench/functions, by their path there, as a tree for `/var/task`. `root` is the checkout. */
export function functionTree(root: string, paths: readonly string[]): Promise<TreeEntry[]> {
  return Promise.all(
    paths.map(async (path) => fileEntry(path, await readFile(join(root, 'bench', 'functions', path)))),
  );
}

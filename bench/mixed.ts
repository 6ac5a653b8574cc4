import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';

/** The scripts of bench/functions/mixed: work as applications have it, each with other parts of PHP. */
export const MIXED = [
  ...['json', 'template', 'database', 'markup', 'text'],
  ...['dates', 'objects', 'digests', 'parser'],
] as const;

/** Reads the scripts as a tree for `/var/task`. `php mixed/run.php NAME ROUNDS` runs one. */
export function mixedFiles(root: string): Promise<TreeEntry[]> {
  return Promise.all(
    ['run', ...MIXED].map(async (name) => {
      const path = `mixed/${name}.php`;
      return fileEntry(path, await readFile(join(root, 'bench', 'functions', path)));
    }),
  );
}

import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { EXCLUDED_NAME } from './read-folder.js';

/**
 * Computes a signature that changes when a zip or a file of a folder changes. It uses only paths, modes, sizes and times, and
 * opens no file. Files that cannot be examined count as missing. It is synchronous because an invocation waits for it: 10,000
 * files take 30 ms, and 300 ms with promises.
 *
 * `onRead` receives the path itself and each folder below it, with its inode number, before it is read.
 */
export function treeSignature(
  path: string,
  onRead: (path: string, inode: number) => void = () => undefined,
): string {
  const hash = createHash('sha256');
  const walk = (file: string, look: (path: string) => Stats): void => {
    try {
      const info = look(file);
      const { mode, size, mtimeMs, ino } = info;
      // A folder's time adds nothing to the times of its entries.
      const isFolder = info.isDirectory();
      if (isFolder || file === path) onRead(file, ino);
      hash.update(isFolder ? `${file}\0${mode}\n` : `${file}\0${mode} ${size} ${mtimeMs} ${ino}\n`);
      if (!isFolder) return;
      for (const name of readdirSync(file).sort())
        if (name !== EXCLUDED_NAME) walk(join(file, name), lstatSync);
    } catch {
      hash.update(`${file}\0missing\n`);
    }
  };
  walk(path, statSync);
  return hash.digest('hex');
}

import { isUtf8 } from 'node:buffer';
import type { Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import type { TreeEntry } from './tree-entry.js';

/** Files and folders of this name are never read: they do not belong in an upload and are often large. */
export const EXCLUDED_NAME = '.git';

/** A special file, which an archive for Lambda cannot hold. */
export interface SpecialFile {
  readonly path: string;
  readonly kind: 'socket' | 'FIFO' | 'device';
}

/** The content of a folder. */
export interface FolderContent {
  /** Files, folders and links by name, folders before their content. Files keep their modes and times. */
  readonly entries: readonly TreeEntry[];
  readonly special: readonly SpecialFile[];
}

/**
 * Reads a folder and its subfolders, without `.git`. The files' bytes stay where they are. Throws UsageError for a folder that
 * cannot be read, and for a name that is not UTF-8.
 */
export async function readFolder(root: string): Promise<FolderContent> {
  const entries: TreeEntry[] = [];
  const special: SpecialFile[] = [];
  const walk = async (below: string): Promise<void> => {
    const names = (await readdir(join(root, below), { encoding: 'buffer' })).map((name) =>
      decoded(name, (shown) => `the name of ${join(root, below, shown)}`),
    );
    for (const name of names.sort()) {
      if (name === EXCLUDED_NAME) continue;
      const path = posix.join(below, name);
      const file = join(root, path);
      const info = await lstat(file);
      const mode = info.mode & 0o7777;
      if (info.isSymbolicLink()) {
        const target = decoded(await readlink(file, { encoding: 'buffer' }), (shown) => `${file} → ${shown}`);
        entries.push({ type: 'symlink', path, target });
      } else if (info.isDirectory()) {
        entries.push({ type: 'directory', path, mode });
        await reading(root, path, () => walk(path));
      } else if (info.isFile()) {
        const mtime = Math.floor(info.mtimeMs / 1000);
        entries.push({ type: 'file', path, mode, sizeBytes: info.size, content: { file, start: 0 }, mtime });
      } else {
        special.push({ path, kind: kindOf(info) });
      }
    }
  };
  await reading(root, '', () => walk(''));
  return { entries, special };
}

async function reading(root: string, below: string, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const code = errorCodeOf(cause) ?? String(cause);
    throw new UsageError(`cannot read the folder ${join(root, below)} (${code})`, {
      hint: 'Make it readable, or remove it from the folder.',
      cause,
    });
  }
}

/** Decodes a name. Archives hold UTF-8 names, so a name in another encoding would change on Lambda. */
function decoded(bytes: Buffer, describe: (shown: string) => string): string {
  if (isUtf8(bytes)) return bytes.toString();
  const shown = bytes
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  throw new UsageError(`${describe(shown)} is not valid UTF-8`, {
    hint: 'Rename it, or remove it from the folder. `\\x…` stands for a byte of the name.',
  });
}

function kindOf(info: Stats): SpecialFile['kind'] {
  if (info.isSocket()) return 'socket';
  return info.isFIFO() ? 'FIFO' : 'device';
}

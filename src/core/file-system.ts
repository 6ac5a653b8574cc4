import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError } from './errors.js';

/** Returns the `code` of a Node.js system error (`ENOENT`), or undefined for any other value. */
export function errorCodeOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/** Returns what is at a path, following links. Undefined if there is nothing, or nothing that this user may see. */
export async function kindOf(path: string): Promise<'file' | 'folder' | 'other' | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  if (info.isDirectory()) return 'folder';
  return info.isFile() ? 'file' : 'other';
}

/** Reports whether the owner of a file may execute it: the only bit of its mode that layers keep. */
export async function isExecutable(file: string): Promise<boolean> {
  return ((await stat(file)).mode & 0o100) !== 0;
}

const FULL_CODES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

const STORAGE_CODES: Readonly<Record<string, string>> = {
  ...FULL_CODES,
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EIO: 'the disk reports an I/O error',
  ENOTDIR: 'part of the path is not a folder',
  EEXIST: 'it is not a folder',
};

/**
 * Runs a function that writes below `folder`. If the disk is full, read-only or not writable for this user, it throws a
 * StorageError that names the folder. Other errors are passed on unchanged.
 */
export async function writingTo<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    const code = errorCodeOf(cause) ?? '';
    const reason = STORAGE_CODES[code];
    if (reason === undefined) throw cause;
    const elsewhere = 'choose another folder with --store or --output.';
    throw new StorageError(`cannot write to ${folder}: ${reason}`, {
      hint:
        code in FULL_CODES
          ? `Free some space there (\`layersmith clean --older-than 30d\`), or ${elsewhere}`
          : `Check its type, owner and permissions, or ${elsewhere}`,
      cause,
    });
  }
}

/**
 * Creates a folder and its parents. It does not use `recursive` of Node's `mkdir`, which never ends on a file system
 * that answers every `mkdir` with ENOENT, as /proc does (seen on Node 20).
 */
export async function makeFolder(path: string): Promise<void> {
  if ((await kindOf(path)) === 'folder') return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') {
      throw new StorageError(`cannot create the folder ${path}`, {
        hint: 'Choose another folder with --store or --output.',
        cause: error,
      });
    }
    // Another process may have created it in the meantime.
    if (errorCodeOf(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}

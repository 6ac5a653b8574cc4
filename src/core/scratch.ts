import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from './errors.js';
import { errorCodeOf } from './file-system.js';
import { isLeftBehind, processIdentity } from './process-identity.js';

/**
 * Returns a new name for a temporary file or folder. It starts with the identity of this process, so that `sweepScratch`
 * removes only what a killed run left behind.
 */
export function scratchName(): string {
  return `${processIdentity()}-${randomBytes(6).toString('hex')}`;
}

/** A path for a temporary file. Disposing of it removes the file. */
export interface ScratchFile extends AsyncDisposable {
  readonly path: string;
}

/** Returns a new path in a folder that `sweepScratch` cleans. Does not create the file. */
export function scratchFile(tmpDir: string): ScratchFile {
  const path = join(tmpDir, scratchName());
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/**
 * Removes temporary files that killed processes left in a folder: entries of processes that have ended, and entries older
 * than a day of processes that are not visible from here, because they run on another machine or in another container.
 */
export async function sweepScratch(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (!isLeftBehind(name, mtimeMs)) continue;
    // It may belong to another user, or a tool may still write into it: a later run tries again.
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Creates and cleans the folder `layersmith-UID` in the system's folder for temporary files, for commands that have no
 * store. Only this user may write to it. Returns its path.
 *
 * Throws StorageError if it cannot be created or belongs to another user.
 */
export async function openUserScratch(systemTmp: string): Promise<string> {
  const uid = process.getuid?.();
  const path = join(systemTmp, `layersmith-${uid ?? 'user'}`);
  const hint = 'Set TMPDIR to a folder that you can write to.';
  try {
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errorCodeOf(error) !== 'EEXIST') throw error;
    });
    // Links are not followed: in a world-writable folder, another user could have put one there.
    const info = await lstat(path);
    const isOurs = info.isDirectory() && (uid === undefined || info.uid === uid) && (info.mode & 0o022) === 0;
    if (!isOurs) throw new StorageError(`${path} is not a folder that only this user can write to`, { hint });
    await sweepScratch(path);
    return path;
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    throw new StorageError(
      `cannot use ${path} for temporary files (${errorCodeOf(cause) ?? String(cause)})`,
      {
        hint,
        cause,
      },
    );
  }
}

import { randomBytes } from 'node:crypto';
import { copyFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder, writingTo } from './file-system.js';
import { isGone, processIdentity } from './process-identity.js';

/** Matches `.NAME.PROCESS-RANDOM.tmp`: a hidden file next to the target, named after the process that owns it. */
const TEMPORARY = /^\..+\.([0-9a-f]+-\d+-\d+)-[0-9a-f]+\.tmp$/;

/** Writes a small file atomically: readers see the old text or the new text, never a part. Creates the folder. */
export async function writeFileAtomically(path: string, text: string): Promise<void> {
  await replace(path, (temporary) => writeFile(temporary, text));
}

/** Copies a file atomically: readers see the old file or the whole new file. Creates the folder. */
export async function copyFileAtomically(from: string, to: string): Promise<void> {
  await replace(to, (temporary) => copyFile(from, temporary, constants.COPYFILE_FICLONE));
}

/**
 * Writes to a temporary file and renames it. A run that is killed in between leaves the temporary file behind; the
 * next write into the same folder removes it. Throws StorageError when the write fails.
 */
async function replace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  const name = `.${basename(path)}.${processIdentity()}-${randomBytes(6).toString('hex')}.tmp`;
  const temporary = join(folder, name);
  await writingTo(folder, async () => {
    await makeFolder(folder);
    for (const file of await readdir(folder)) {
      const owner = TEMPORARY.exec(file)?.[1];
      if (owner !== undefined && isGone(owner)) await rm(join(folder, file), { force: true });
    }
    try {
      await write(temporary);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  });
}

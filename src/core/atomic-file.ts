import { randomBytes } from 'node:crypto';
import { copyFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder, writingTo } from './file-system.js';
import { isGone, processIdentity } from './process-identity.js';

/** `.NAME.PROCESS-RANDOM.tmp`: beside the file, hidden, and telling whose it is. */
const TEMPORARY = /^\..+\.([0-9a-f]+-\d+-\d+)-[0-9a-f]+\.tmp$/;

/** Writes a small file so that a reader sees the old text or the new one, never a part. Makes the folder. */
export async function writeFileAtomically(path: string, text: string): Promise<void> {
  await replace(path, (temporary) => writeFile(temporary, text));
}

/** Copies a file so that a reader sees the old one or the whole new one. Makes the folder. */
export async function copyFileAtomically(from: string, to: string): Promise<void> {
  await replace(to, (temporary) => copyFile(from, temporary, constants.COPYFILE_FICLONE));
}

/**
 * Writes aside and renames. A run that is killed in between leaves a temporary file: the next write into the
 * same folder removes it. Throws StorageError when the disk refuses.
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

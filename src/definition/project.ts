import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The user's own files. Its recipes and platforms override the built-in ones, and its lock file is committed. */
export interface Project {
  /** The nearest folder with a `layersmith.yaml`, from the working directory upwards; else the working directory. */
  readonly folder: string;
  /** `recipes/` in that folder, if it exists. */
  readonly recipes: string | undefined;
  /** `platforms/` in that folder, if it exists. */
  readonly platforms: string | undefined;
  /** `layersmith.lock` in that folder, which may not exist. */
  readonly lock: string;
}

const DEFINITION_FILE = 'layersmith.yaml';
/** The file name of the lock. */
export const LOCK_FILE = 'layersmith.lock';

/** Finds the project that the working directory belongs to. */
export async function findProject(workingDirectory: string): Promise<Project> {
  const folder = (await folderAbove(workingDirectory)) ?? workingDirectory;
  const within = async (name: string): Promise<string | undefined> => {
    const path = join(folder, name);
    return (await kindOf(path)) === 'folder' ? path : undefined;
  };
  return {
    folder,
    recipes: await within('recipes'),
    platforms: await within('platforms'),
    lock: join(folder, LOCK_FILE),
  };
}

async function folderAbove(start: string): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    if ((await kindOf(join(folder, DEFINITION_FILE))) === 'file') return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  return info.isDirectory() ? 'folder' : 'file';
}

import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCodeOf } from '../../src/core/file-system.js';
import { testCache } from './test-cache.js';

const run = promisify(execFile);

/**
 * A folder with Python packages, for PYTHONPATH: installed once by pip, and kept in the user's cache under `name`. Rejects
 * where they cannot be had: what is judged by them must not pass without.
 */
export async function pipFolder(
  name: string,
  { requirements, options = [] }: { readonly requirements: string; readonly options?: readonly string[] },
): Promise<string> {
  const home = testCache();
  const folder = join(home, name);
  if (
    await access(folder).then(
      () => true,
      () => false,
    )
  )
    return folder;
  await mkdir(home, { recursive: true });
  const aside = await mkdtemp(join(home, 'new-'));
  try {
    const file = join(aside, 'requirements.txt');
    await writeFile(file, requirements);
    const target = join(aside, 'packages');
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', target];
    await run('python3', [...pip, ...options, '--requirement', file], { maxBuffer: 16 * 1024 ** 2 });
    await rename(target, folder).catch((error: unknown) => {
      // Another run was quicker.
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCodeOf(error) ?? '')) throw error;
    });
    return folder;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

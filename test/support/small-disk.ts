import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { temporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);

/** A real file system of so many KiB, mounted for one test: what is written beyond fails with ENOSPC. Wants root. */
export async function smallDisk(kib: number): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await temporaryFolder();
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'layersmith-test', folder.path]);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  return {
    path: folder.path,
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', folder.path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

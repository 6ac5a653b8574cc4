import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StorageError } from '../../../src/core/errors.js';
import { processIdentity } from '../../../src/core/process-identity.js';
import { openUserScratch, scratchFile, scratchName } from '../../../src/core/scratch.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a name starts with the process, and no two are the same', () => {
  expect(scratchName().startsWith(`${processIdentity()}-`)).toBe(true);
  expect(scratchName()).not.toBe(scratchName());
});

test('a file is removed when it is disposed of, also when it was never made', async () => {
  await using folder = await temporaryFolder();
  {
    await using file = scratchFile(folder.path);
    await writeFile(file.path, 'x');
    await using _unused = scratchFile(folder.path);
  }
  expect(await readdir(folder.path)).toEqual([]);
});

test('the folder of a user is for that user alone, and is the same the next time', async () => {
  await using folder = await temporaryFolder();
  const path = await openUserScratch(folder.path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(await openUserScratch(folder.path)).toBe(path);
});

test('it is swept when it is opened: what a killed process left goes, what a live one uses stays', async () => {
  await using folder = await temporaryFolder();
  const path = await openUserScratch(folder.path);
  const sleeper = spawn('sleep', ['60']);
  const [scope = ''] = processIdentity().split('-');
  const start = (await startOf(sleeper.pid ?? 0)) ?? '';
  const theirs = `${scope}-${sleeper.pid}-${start}-abc`;
  await writeFile(join(path, theirs), 'x');
  const ours = scratchName();
  await writeFile(join(path, ours), 'x');
  try {
    await openUserScratch(folder.path);
    expect((await readdir(path)).sort()).toEqual([ours, theirs].sort());
  } finally {
    sleeper.kill('SIGKILL');
    await once(sleeper, 'close');
  }
  await openUserScratch(folder.path);
  expect(await readdir(path)).toEqual([ours]);
});

test('what a live process uses stays, however old it is', async () => {
  await using folder = await temporaryFolder();
  const path = await openUserScratch(folder.path);
  const name = scratchName();
  await writeFile(join(path, name), 'x');
  const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
  await utimes(join(path, name), before, before);
  await openUserScratch(folder.path);
  expect(await readdir(path)).toEqual([name]);
});

test('what is older than a day goes if its process is not visible from here', async () => {
  await using folder = await temporaryFolder();
  const path = await openUserScratch(folder.path);
  const old = join(path, '000000000000-1-1-abc');
  await writeFile(old, 'x');
  const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
  await utimes(old, before, before);
  await openUserScratch(folder.path);
  expect(await readdir(path)).toEqual([]);
});

test.each<[string, (path: string) => Promise<unknown>]>([
  ['a link', (path) => symlink('/', path)],
  ['a file', (path) => writeFile(path, '')],
  ['a folder that others can write to', (path) => mkdir(path).then(() => chmod(path, 0o777))],
])('%s in its place is refused with advice, and not touched', async (_what, make) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, `layersmith-${process.getuid?.()}`);
  await make(path);
  const error = await failure(openUserScratch(folder.path), StorageError);
  expect(error.message).toContain(path);
  expect(error.hint).toContain('TMPDIR');
});

test('a system folder that is missing is a storage error with advice', async () => {
  const error = await failure(openUserScratch('/no/such/folder'), StorageError);
  expect(error.message).toContain('ENOENT');
  expect(error.hint).toContain('TMPDIR');
});

/** The start time of a process whose name has no spaces, as the kernel counts it. */
async function startOf(pid: number): Promise<string | undefined> {
  return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ')[21];
}

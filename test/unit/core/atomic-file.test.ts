import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { copyFileAtomically, writeFileAtomically } from '../../../src/core/atomic-file.js';
import { StorageError } from '../../../src/core/errors.js';
import { processIdentity } from '../../../src/core/process-identity.js';
import { failure } from '../../support/failure.js';
import { smallDisk } from '../../support/small-disk.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

describe('a small file that is written', () => {
  test('is there whole, its folder too, and nothing else', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'a/b/file');
    await writeFileAtomically(path, 'one');
    await writeFileAtomically(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(join(folder.path, 'a/b'))).toEqual(['file']);
  });

  test('keeps its old text when the disk is full, and leaves nothing', { tags: ['system'] }, async () => {
    await using disk = await smallDisk(64);
    const path = join(disk.path, 'file');
    await writeFileAtomically(path, 'old');
    await writeFile(join(disk.path, 'filler'), Buffer.alloc(100_000)).catch(() => undefined);
    const error = await failure(writeFileAtomically(path, 'x'.repeat(50_000)), StorageError);
    expect(error.message).toBe(`cannot write to ${disk.path}: the disk is full`);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect((await readdir(disk.path)).sort()).toEqual(['file', 'filler']);
  });
});

test('a copy takes the place of what is there', async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
  await writeFile(from, 'new');
  await writeFile(to, 'old');
  await copyFileAtomically(from, to);
  expect(await readFile(to, 'utf8')).toBe('new');
});

test('what a killed run left half-written is removed by the next write, what a live one writes is not', async () => {
  await using folder = await temporaryFolder();
  const [scope = '', pid = '', start = ''] = processIdentity().split('-');
  const live = `.x.zip.${scope}-${pid}-${start}-00ff.tmp`;
  const gone = `.x.zip.${scope}-${pid}-${Number(start) + 1}-00ff.tmp`;
  for (const name of [live, gone, 'mine.tmp']) await writeFile(join(folder.path, name), 'half');
  await writeFileAtomically(join(folder.path, 'y'), 'whole');
  expect((await readdir(folder.path)).sort()).toEqual([live, 'mine.tmp', 'y'].sort());
});

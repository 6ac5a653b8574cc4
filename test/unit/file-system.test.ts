import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StorageError } from '../../src/core/errors.js';
import { errorCodeOf, temporaryNameFor, writeFileAtomically, writingTo } from '../../src/core/file-system.js';
import { failure } from '../support/failure.js';
import { smallDisk } from '../support/small-disk.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const failing = (code: string) => (): Promise<never> =>
  Promise.reject(Object.assign(new Error(code), { code }));

describe('an error of the disk', () => {
  test.each([
    ['ENOSPC', 'the disk is full', 'layersmith clean --older-than'],
    ['EDQUOT', 'the disk quota is used up', 'layersmith clean --older-than'],
    ['EROFS', 'the file system is read-only', 'choose another folder'],
    ['EACCES', 'permission denied', 'choose another folder'],
    ['ENOTDIR', 'a part of its path is not a folder', 'choose another folder'],
  ])('%s becomes a storage error that says what to do', async (code, reason, advice) => {
    const error = await failure(writingTo('/the/folder', failing(code)), StorageError);
    expect(error.message).toBe(`cannot write to /the/folder: ${reason}`);
    expect(error.hint).toContain(advice);
    expect(error.cause).toMatchObject({ code });
  });

  test('has advice about space only when space is what lacks', async () => {
    const error = await failure(writingTo('/the/folder', failing('EACCES')), StorageError);
    expect(error.hint).not.toContain('space');
  });

  test.each(['ENOENT', 'ECONNREFUSED'])('%s passes as it is', async (code) => {
    expect(await failure(writingTo('/the/folder', failing(code)), Error)).toMatchObject({
      code,
      name: 'Error',
    });
  });
});

test('the code of an error is known for errors of the system only', () => {
  expect(errorCodeOf(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
  expect(errorCodeOf(Object.assign(new Error('x'), { code: 5 }))).toBeUndefined();
  expect(errorCodeOf(new Error('x'))).toBeUndefined();
  expect(errorCodeOf({ code: 'ENOENT' })).toBeUndefined();
});

test('a temporary name is beside the file, and another one each time', () => {
  const names = Array.from({ length: 100 }, () => temporaryNameFor('/a/b.zip'));
  expect(new Set(names).size).toBe(100);
  for (const name of names) expect(name).toMatch(/^\/a\/b\.zip\.[^/]+\.tmp$/);
});

describe('a small file that is written', () => {
  test('is there whole, its folder too, and nothing else', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'a/b/file');
    await writeFileAtomically(path, 'one');
    await writeFileAtomically(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(join(folder.path, 'a/b'))).toEqual(['file']);
  });

  test('keeps its old text when the disk is full, and leaves nothing', async () => {
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

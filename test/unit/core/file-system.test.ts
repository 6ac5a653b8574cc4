import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StorageError } from '../../../src/core/errors.js';
import { errorCodeOf, makeFolder, writingTo } from '../../../src/core/file-system.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const failing = (code: string) => (): Promise<never> =>
  Promise.reject(Object.assign(new Error(code), { code }));

describe('an error of the disk', () => {
  test.each([
    ['ENOSPC', 'the disk is full', 'layersmith clean --older-than'],
    ['EDQUOT', 'the disk quota is used up', 'layersmith clean --older-than'],
    ['EROFS', 'the file system is read-only', 'choose another folder'],
    ['EACCES', 'permission denied', 'choose another folder'],
    ['ENOTDIR', 'part of the path is not a folder', 'choose another folder'],
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

test('a folder is made with those above it, and once more', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a/b/c');
  await Promise.all([makeFolder(path), makeFolder(path)]);
  await makeFolder(path);
  expect((await stat(path)).isDirectory()).toBe(true);
});

test('a folder that no file system makes is an error at once', async () => {
  const error = await failure(makeFolder('/proc/none/below'), StorageError);
  expect(error.message).toBe('cannot create the folder /proc/none');
});

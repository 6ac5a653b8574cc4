import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { SOURCE_DATE_EPOCH } from '../../../src/core/source-date-epoch.js';
import { packTree } from '../../../src/tree/pack-tree.js';
import { byPath, fileEntry, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { elsewhere, HERE, THERE } from '../../support/elsewhere.js';
import { failure } from '../../support/failure.js';
import { readTar } from '../../support/tar.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const TREE: readonly TreeEntry[] = [
  { type: 'directory', path: 'bin', mode: 0o755 },
  fileEntry('bin/php', 'elf', 0o755),
  { type: 'symlink', path: 'bin/php8', target: 'php' },
  fileEntry('empty', ''),
  fileEntry('Grüße/😀', 'unicode'),
];

const packed = (entries: readonly TreeEntry[], owner = 0): Promise<Buffer> =>
  buffer(packTree(entries, { owner }));

test('every entry has the owner, the date and the mode that it is given, and nothing of this machine', async () => {
  const entries = await readTar(packTree(TREE, { owner: 1000 }));
  expect(
    entries.map(({ name, type, mode, linkname, content }) => [
      name,
      type,
      mode,
      linkname,
      content.toString(),
    ]),
  ).toEqual([
    ['bin/', 'directory', 0o755, null, ''],
    ['bin/php', 'file', 0o755, null, 'elf'],
    ['bin/php8', 'symlink', 0o777, 'php', ''],
    ['empty', 'file', 0o644, null, ''],
    ['Grüße/😀', 'file', 0o644, null, 'unicode'],
  ]);
  for (const { uid, gid, uname, gname, mtime } of entries)
    expect({ uid, gid, uname, gname, mtime }).toEqual({
      uid: 1000,
      gid: 1000,
      uname: '',
      gname: '',
      mtime: new Date(SOURCE_DATE_EPOCH * 1000),
    });
});

test('the same entries are the same bytes under another time zone, locale and umask', async () => {
  const one = await elsewhere(HERE, () => packed(TREE));
  const other = await elsewhere(THERE, () => packed(TREE));
  expect(one.equals(other)).toBe(true);
});

test('entries keep the order they are given in', async () => {
  const entries = await readTar(packTree([...TREE].reverse(), { owner: 0 }));
  expect(entries.map(({ name }) => name)).toEqual(['Grüße/😀', 'empty', 'bin/php8', 'bin/php', 'bin/']);
});

test.each([
  ['100 bytes', 100],
  ['101 bytes without a folder', 101],
  ['more than 255 bytes', 300],
])('a name of %s is kept', async (_length, length) => {
  const name = 'n'.repeat(length);
  expect((await readTar(packTree([fileEntry(name, 'x')], { owner: 0 }))).map((entry) => entry.name)).toEqual([
    name,
  ]);
});

test('long paths and long link targets are kept', async () => {
  const path = `${'folder/'.repeat(40)}file`;
  const target = `${'../'.repeat(40)}${'x'.repeat(100)}`;
  const tree: TreeEntry[] = [
    { type: 'directory', path: 'd'.repeat(120), mode: 0o755 },
    fileEntry(path, 'x'),
    { type: 'symlink', path: 'link', target },
  ];
  const [directory, file, link] = await readTar(packTree(tree, { owner: 0 }));
  expect(directory).toMatchObject({ name: `${'d'.repeat(120)}/`, type: 'directory' });
  expect(file?.name).toBe(path);
  expect(link?.linkname).toBe(target);
});

test('a part of a file, an empty part, and bytes in memory stand beside each other', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'spool');
  await writeFile(file, 'one two three');
  const part = (path: string, start: number, sizeBytes: number): TreeEntry => ({
    type: 'file',
    path,
    mode: 0o644,
    sizeBytes,
    content: { file, start },
  });
  const tree = [
    part('a', 4, 3),
    part('b', 4, 0),
    part('c', 13, 0),
    fileEntry('d', 'memory'),
    part('e', 8, 5),
  ];
  const entries = await readTar(packTree(tree, { owner: 0 }));
  expect(entries.map(({ name, content }) => `${name} ${content.toString()}`)).toEqual([
    'a two',
    'b ',
    'c ',
    'd memory',
    'e three',
  ]);
});

test('a large file is streamed, never held', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'large');
  const sizeBytes = 200 * 1024 ** 2;
  await writeFile(file, '');
  await truncate(file, sizeBytes);
  const before = process.memoryUsage().arrayBuffers;
  let read = 0;
  let most = 0;
  for await (const chunk of packTree(
    [{ type: 'file', path: 'a', mode: 0o644, sizeBytes, content: { file, start: 0 } }],
    {
      owner: 0,
    },
  ) as AsyncIterable<Buffer>) {
    read += chunk.length;
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(read).toBe(512 + sizeBytes + 1024);
  expect(most).toBeLessThan(100 * 1024 ** 2);
});

test('a file that is shorter than its entry says breaks the stream', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'short');
  await writeFile(file, 'abc');
  const error = await failure(
    packed([{ type: 'file', path: 'a', mode: 0o644, sizeBytes: 10, content: { file, start: 0 } }]),
    Error,
  );
  expect(error.message).toMatch(/size mismatch/i);
});

test('a file that is gone breaks the stream with the error of the disk', async () => {
  const entry: TreeEntry = {
    type: 'file',
    path: 'a',
    mode: 0o644,
    sizeBytes: 1,
    content: { file: '/no/such', start: 0 },
  };
  expect(await failure(packed([entry]), Error)).toMatchObject({ code: 'ENOENT' });
});

test('paths are ordered by code unit, in no language', () => {
  const paths = ['b', 'ä', 'B', 'a/b', 'a-b', 'a', 'a.b'];
  expect(
    paths
      .map((path) => ({ path }))
      .sort(byPath)
      .map(({ path }) => path),
  ).toEqual(['B', 'a', 'a-b', 'a.b', 'a/b', 'b', 'ä']);
});

import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.js';
import { createSourceFiles } from '../../../src/source/source-files.js';
import { createSourcesFolder, type SourcesFolder } from '../../../src/source/sources-folder.js';
import { failure } from '../../support/failure.js';
import { makeStore, never, pinned, source, type TestStore } from './source-support.js';

const BYTES = 'the bytes of a tarball, as pinned';

interface Mine {
  readonly dir: string;
  readonly reports: readonly string[];
  readonly folder: SourcesFolder;
  readonly find: (bytes: string) => ReturnType<SourcesFolder['find']>;
}

/** A folder with these files: text, or sparse with that many bytes. */
async function folderOf(store: TestStore, files: Readonly<Record<string, string | number>>): Promise<Mine> {
  const dir = join(store.root, 'mine');
  await mkdir(dir);
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === 'string') await writeFile(join(dir, name), content);
    else {
      await using file = await open(join(dir, name), 'w');
      await file.truncate(content);
    }
  }
  const reports: string[] = [];
  const report = (line: string): number => reports.push(line);
  const folder = createSourcesFolder({ dir, report, slowMs: 0 });
  const options = { files: createSourceFiles({ ...store, report }), signal: never() };
  return { dir, reports, folder, find: (bytes) => folder.find(pinned(bytes), options) };
}

test('a file that is far larger than any source is skipped, and reported', async () => {
  await using store = await makeStore();
  const { dir, reports, find } = await folderOf(store, { 'disk.img': 200 * 1024 ** 3, renamed: BYTES });
  expect(await find(BYTES)).toMatchObject({ from: `--sources ${dir}` });
  expect(await find('missing')).toMatchObject({ attempts: [{ place: `--sources ${dir}` }] });
  expect(reports.filter((line) => line.includes('disk.img'))).toEqual([
    expect.stringMatching(`^skipped ${join(dir, 'disk.img')}: .*200\\.0 GiB`),
  ]);
});

test('the file with the pinned name is read first, and no other if its bytes match', async () => {
  await using store = await makeStore();
  const { dir, reports, find } = await folderOf(store, {
    'a small one': 'x',
    'thing-1.0.tar.gz': 64 * 1024 ** 2,
  });
  // 64 MiB of zeros take longer than the timer's first tick.
  const zeros = Buffer.alloc(64 * 1024 ** 2).toString('latin1');
  expect(await find(zeros)).toMatchObject({ from: `--sources ${dir}` });
  expect(reports).toEqual([expect.stringContaining(`reading ${join(dir, 'thing-1.0.tar.gz')} (64 MiB)`)]);
});

test('each file is read once for any number of searches', async () => {
  await using store = await makeStore();
  const { reports, find } = await folderOf(store, { big: 64 * 1024 ** 2 });
  await Promise.all([find('one'), find('two'), find('three')]);
  expect(reports.filter((line) => line.startsWith('reading '))).toHaveLength(1);
});

test('a folder that does not exist is refused, also when the store has the file', async () => {
  await using store = await makeStore();
  const file = pinned(BYTES);
  await writeFile(join(store.sourcesDir, file.sha256), BYTES);
  const fetcher = store.fetcher({ extraDir: join(store.root, 'missing') });
  const error = await failure(fetcher.fetch(source(file), never()), UsageError);
  expect(error).toMatchObject({ exitCode: 64, message: expect.stringContaining('missing') as string });
});

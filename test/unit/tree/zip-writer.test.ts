import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { InternalError } from '../../../src/core/errors.js';
import { fileEntry, openContent, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { readZip } from '../../../src/tree/zip-reader.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { elsewhere, HERE, THERE } from '../../support/elsewhere.js';
import { failure } from '../../support/failure.js';
import { smallDisk } from '../../support/small-disk.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** Bytes that no deflate makes smaller, the same in every run. */
function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(String(index)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

const NOISE = noise(3_000_000);
const TEXT = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `line ${index % 977}\n`).join(''));

const TREE: readonly TreeEntry[] = [
  { type: 'directory', path: 'bin', mode: 0o755 },
  fileEntry('bin/php', NOISE, 0o755),
  { type: 'symlink', path: 'bin/php8', target: 'php' },
  fileEntry('empty', ''),
  fileEntry('etc/Grüße-😀.ini', 'unicode'),
  fileEntry('one', '1'),
  fileEntry('share/text', TEXT),
];

/** The bytes of a zip of the entries. */
async function zipped(entries: readonly TreeEntry[]): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, entries);
  return await readFile(path);
}

const PYTHON = `
import hashlib, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    print(json.dumps({
        'damaged': z.testzip(),
        'entries': [[i.filename, oct(i.external_attr >> 16), i.create_system, i.compress_type, list(i.date_time),
                     i.file_size, hashlib.sha256(z.read(i)).hexdigest(), i.is_dir()] for i in z.infolist()],
    }))
`;

describe('read by Python', () => {
  type Seen = [string, string, number, number, number[], number, string, boolean];
  let damaged: string | null;
  let entries: Map<string, Seen>;

  beforeAll(async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layer.zip');
    await writeZip(path, TREE);
    const { stdout } = await promisify(execFile)('python3', ['-c', PYTHON, path]);
    const seen = JSON.parse(stdout) as { damaged: string | null; entries: Seen[] };
    damaged = seen.damaged;
    entries = new Map(seen.entries.map((entry) => [entry[0], entry]));
  });

  const sha = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

  test('no checksum is wrong', () => {
    expect(damaged).toBeNull();
  });

  test('the entries come in their order, folders with a slash, names in UTF-8', () => {
    expect([...entries.keys()]).toEqual([
      'bin/',
      'bin/php',
      'bin/php8',
      'empty',
      'etc/Grüße-😀.ini',
      'one',
      'share/text',
    ]);
    expect(entries.get('bin/')?.[7]).toBe(true);
  });

  test('modes are those of Unix: folder, program, link, file', () => {
    const mode = (name: string): string | undefined => entries.get(name)?.[1];
    expect(['bin/', 'bin/php', 'bin/php8', 'one'].map(mode)).toEqual([
      '0o40755',
      '0o100755',
      '0o120777',
      '0o100644',
    ]);
    expect(new Set([...entries.values()].map((entry) => entry[2]))).toEqual(new Set([3]));
  });

  test('contents come back: noise, text, one byte, none, and the target of a link', () => {
    const content = (name: string): string | undefined => entries.get(name)?.[6];
    expect(content('bin/php')).toBe(sha(NOISE));
    expect(content('share/text')).toBe(sha(TEXT));
    expect(content('one')).toBe(sha('1'));
    expect(content('empty')).toBe(sha(''));
    expect(content('bin/php8')).toBe(sha('php'));
  });

  test('every entry has the one date, in UTC', () => {
    expect(new Set([...entries.values()].map((entry) => entry[4].join(' ')))).toEqual(
      new Set(['2023 11 14 22 13 20']),
    );
  });

  test('files are deflated; folders, links and nothing are stored', () => {
    const stored = [...entries.values()].filter((entry) => entry[3] === 0).map(([name]) => name);
    expect(stored).toEqual(['bin/', 'bin/php8', 'empty']);
  });
});

test('what is read back is what was written', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, TREE);
  await using tree = await readZip(path, { tmpDir: folder.path });
  const { entries } = tree;
  expect(entries.map(({ path: name, type }) => [name, type])).toEqual(
    TREE.map(({ path: name, type }) => [name, type]),
  );
  for (const [index, entry] of entries.entries()) {
    const written = TREE[index];
    if (entry.type === 'symlink') expect(entry).toEqual(written);
    else expect(entry.mode).toBe(written?.type === 'symlink' ? undefined : written?.mode);
    if (entry.type === 'file' && written?.type === 'file') {
      expect(entry.sizeBytes).toBe(written.sizeBytes);
      expect((await buffer(openContent(entry))).equals(await buffer(openContent(written)))).toBe(true);
    }
  }
});

test('text becomes much smaller, and noise hardly larger', async () => {
  expect((await zipped([fileEntry('a', TEXT)])).length).toBeLessThan(TEXT.length / 10);
  expect((await zipped([fileEntry('a', NOISE)])).length).toBeLessThan(NOISE.length * 1.001 + 500);
});

test('the same entries are the same bytes under another time zone, locale and umask', async () => {
  const one = await elsewhere(HERE, () => zipped(TREE));
  const other = await elsewhere(THERE, () => zipped(TREE));
  expect(one.equals(other)).toBe(true);
});

test('the bytes are pinned: a change of the deflate is a change of every layer', async () => {
  const bytes = await zipped(TREE);
  expect(createHash('sha256').update(bytes).digest('hex')).toMatchInlineSnapshot(
    `"248415fbe92c9ea0dd5df87d054690267c112e537be4e327676bc1edc85dc408"`,
  );
});

test('content from memory and from a file, read in pieces of any size, gives the same bytes', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'spool');
  // 3 bytes before, so that the file's blocks fall elsewhere.
  await writeFile(file, Buffer.concat([Buffer.from('abc'), NOISE, TEXT]));
  const inFile = (path: string, start: number, sizeBytes: number): TreeEntry => ({
    type: 'file',
    path,
    mode: 0o644,
    sizeBytes,
    content: { file, start },
  });
  const memory = await zipped([fileEntry('a', NOISE), fileEntry('b', TEXT)]);
  const disk = await zipped([inFile('a', 3, NOISE.length), inFile('b', 3 + NOISE.length, TEXT.length)]);
  expect(disk.equals(memory)).toBe(true);
});

test.each([65_535, 65_536, 65_537, 131_072])('a file of %i bytes comes back', async (length) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry('a', NOISE.subarray(0, length))]);
  await using tree = await readZip(path, { tmpDir: folder.path });
  const [entry] = tree.entries;
  if (entry?.type !== 'file') throw new Error('it is no file');
  expect((await buffer(openContent(entry))).equals(NOISE.subarray(0, length))).toBe(true);
});

test('a file that is shorter than its entry says is a defect, and no silent hole', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'short');
  await writeFile(file, 'abc');
  const entry: TreeEntry = {
    type: 'file',
    path: 'a',
    mode: 0o644,
    sizeBytes: 10,
    content: { file, start: 0 },
  };
  const error = await failure(writeZip(join(folder.path, 'layer.zip'), [entry]), InternalError);
  expect(error.message).toBe('a: 3 bytes instead of 10');
});

test(
  'a zip that does not fit on the disk is an error, wherever the space ends',
  { tags: ['system'] },
  async () => {
    const whole = await zipped([
      fileEntry('a', NOISE.subarray(0, 30_000)),
      fileEntry('b'.repeat(5_000), 'b'),
    ]);
    expect(whole.length).toBeGreaterThan(36_864);
    // Pages of 4 KiB: at 36 KiB the files fit, and the directory at the end does in part.
    for (const kib of [8, 32, 36]) {
      await using disk = await smallDisk(kib);
      const writing = writeZip(join(disk.path, 'layer.zip'), [
        fileEntry('a', NOISE.subarray(0, 30_000)),
        fileEntry('b'.repeat(5_000), 'b'),
      ]);
      expect(await failure(writing, Error)).toMatchObject({ code: 'ENOSPC' });
    }
  },
);

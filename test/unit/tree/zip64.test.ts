import { execFile } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { MAX_UNZIPPED_BYTES } from '../../../src/core/lambda-limits.js';
import { fileEntry, openContent, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { readZip } from '../../../src/tree/zip-reader.js';
import { centralHeader, endRecords, localHeader } from '../../../src/tree/zip-records.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const PYTHON = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    infos = z.infolist()
    print(json.dumps({'damaged': z.testzip(), 'count': len(infos), 'last': infos[-1].filename, 'text': z.read(infos[-1]).decode()}))
`;

/** What Python's reader says of a zip. */
async function readByPython(path: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)('python3', ['-c', PYTHON, path]);
  return JSON.parse(stdout);
}

const ZIP64_LOCATOR = Buffer.from('PK\x06\x07', 'latin1');

test.each([
  ['entries', { count: 65_534, bytes: 1, offset: 1 }, { count: 65_535, bytes: 1, offset: 1 }],
  [
    'bytes of directory',
    { count: 1, bytes: 0xfffffffe, offset: 1 },
    { count: 1, bytes: 0xffffffff, offset: 1 },
  ],
  ['bytes before it', { count: 1, bytes: 1, offset: 0xfffffffe }, { count: 1, bytes: 1, offset: 0xffffffff }],
])('zip64 begins where the plain record cannot hold the number of %s', (_what, plain, large) => {
  expect(endRecords(plain).includes(ZIP64_LOCATOR)).toBe(false);
  expect(endRecords(large).includes(ZIP64_LOCATOR)).toBe(true);
});

test('a zip with the first number of entries that needs zip64 is read by Python and by us', async () => {
  const count = 65_535;
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'large.zip');
  await writeZip(
    path,
    Array.from({ length: count }, (_, index) => fileEntry(`f/${index}`, index === count - 1 ? 'last' : '')),
  );
  const last = `f/${count - 1}`;
  expect(await readByPython(path)).toEqual({ damaged: null, count, last, text: 'last' });
  await using tree = await readZip(path, { tmpDir: folder.path });
  expect(tree.entries).toHaveLength(count);
  expect(tree.entries.at(-1)).toMatchObject({ path: last, sizeBytes: 4 });
});

test('an entry and a central directory beyond 4 GiB are found by Python and by us', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'far.zip');
  const text = Buffer.from('far');
  const fields = {
    name: Buffer.from('a'),
    ...({ method: 0, crc: crc32(text), compressedBytes: 3, sizeBytes: 3, mode: 0o100644 } as const),
    offset: 5 * 1024 ** 3,
  };
  const header = localHeader(fields);
  const directory = centralHeader(fields);
  const offset = fields.offset + header.length + text.length;
  const end = endRecords({ count: 1, bytes: directory.length, offset });
  {
    // Sparse: nothing is written before.
    await using file = await open(path, 'w');
    await file.write(Buffer.concat([header, text, directory, end]), 0, undefined, fields.offset);
  }
  expect((await stat(path)).size).toBeGreaterThan(5 * 1024 ** 3);
  expect(await readByPython(path)).toEqual({ damaged: null, count: 1, last: 'a', text: 'far' });
  await using tree = await readZip(path, { tmpDir: folder.path });
  const [entry] = tree.entries;
  if (entry?.type !== 'file') throw new Error('not a file');
  expect((await buffer(openContent(entry))).toString()).toBe('far');
});

test("a file over Lambda's total limit is refused before it is read", async () => {
  await using folder = await temporaryFolder();
  const entry: TreeEntry = {
    ...{ type: 'file', path: 'data.bin', mode: 0o644, sizeBytes: MAX_UNZIPPED_BYTES + 1 },
    content: { file: join(folder.path, 'none'), start: 0 },
  };
  const error = await failure(writeZip(join(folder.path, 'a.zip'), [entry]), LayerError);
  expect(error.message).toContain('data.bin');
  expect(error.hint).toContain('S3');
});

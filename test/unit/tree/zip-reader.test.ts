import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LayerError, StorageError } from '../../../src/core/errors.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { readZip } from '../../../src/tree/zip-reader.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { failure } from '../../support/failure.js';
import { smallDisk } from '../../support/small-disk.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** The error of reading a zip of these bytes; `ZIP` stands for its path in the message. */
async function errorOf(
  bytes: Uint8Array | string,
): Promise<{ readonly message: string; readonly hint: string | undefined }> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeFile(path, bytes);
  const error = await failure(readZip(path, join(folder.path, 'spool')), LayerError);
  return { message: error.message.replaceAll(path, 'ZIP'), hint: error.hint };
}

/** A zip whose one file has that name, which our writer writes as it is told. */
async function zipWith(name: string, content = 'content'): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry(name, content)]);
  return await readFile(path);
}

describe('is no layer, which the error says with the path:', () => {
  test('a file that is not there', async () => {
    const error = await failure(readZip('/no/such/layer.zip', '/no/such/spool'), LayerError);
    expect(error.message).toBe('cannot read the layer /no/such/layer.zip: there is no such file');
    expect(error.hint).toContain('layersmith build');
  });

  test('a folder', async () => {
    await using folder = await temporaryFolder();
    const error = await failure(readZip(folder.path, join(folder.path, 'spool')), LayerError);
    expect(error.message).toContain(`cannot read the layer ${folder.path}: `);
  });

  test.each([
    ['nothing', ''],
    ['text', 'this is no zip, whatever its name says\n'.repeat(10)],
  ])('%s', async (_what, bytes) => {
    expect((await errorOf(bytes)).message).toMatch(/^cannot read the layer ZIP: /);
  });

  test('a zip with a link that no path is as long as', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layer.zip');
    await writeZip(path, [{ type: 'symlink', path: 'a', target: 'x'.repeat(5000) }]);
    const error = await failure(readZip(path, join(folder.path, 'spool')), LayerError);
    expect(error.message).toBe(`cannot read the layer ${path}: the link a is too long`);
  });

  test('a zip that is cut off', async () => {
    const whole = await zipWith('bin/php', 'x'.repeat(1000));
    for (const length of [whole.length - 1, whole.length - 22, 60, 10])
      expect((await errorOf(whole.subarray(0, length))).message).toMatch(/^cannot read the layer ZIP: /);
  });

  test('a zip with a byte of its content changed', async () => {
    const bytes = await zipWith('a', 'the content of a file that will be damaged');
    const at = 30 + 1 + 10;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    expect((await errorOf(bytes)).message).toMatch(/^cannot read the layer ZIP: /);
  });

  test('a zip whose content is not what its checksum says', async () => {
    const bytes = await zipWith('a', 'content');
    const central = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    bytes.writeUInt32LE(1, central + 16);
    expect((await errorOf(bytes)).message).toBe('cannot read the layer ZIP: the checksum of a is wrong');
  });
});

describe('an entry that leaves the tree is refused:', () => {
  test.each([
    ['../evil', /invalid relative path: \.\.\/evil$/],
    ['bin/../../evil', /invalid relative path: bin\/\.\.\/\.\.\/evil$/],
    ['/etc/passwd', /absolute path: \/etc\/passwd$/],
    ['C:/evil', /absolute path: C:\/evil$/],
    ['..\\evil', /invalid relative path: \.\.\/evil$/],
  ])('%s', async (name, message) => {
    const error = await errorOf(await zipWith(name));
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^cannot read the layer ZIP: /);
  });
});

test('what makes a file set-uid or writable for everybody is kept, for the audit to see', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry('a', 'x', 0o4755), fileEntry('b', 'x', 0o666)]);
  const entries = await readZip(path, join(folder.path, 'spool'));
  expect(entries.map((entry) => 'mode' in entry && entry.mode)).toEqual([0o4755, 0o666]);
});

test('a zip that unpacks to more than twice what Lambda takes is refused', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  const bytes = await zipWith('a', 'x');
  // Said in the directory, which is what a reader goes by.
  bytes.writeUInt32LE(600 * 1024 ** 2, bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1')) + 24);
  await writeFile(path, bytes);
  await failure(readZip(path, join(folder.path, 'spool')), LayerError);
});

test('a full disk is a storage error, not the fault of the zip', async () => {
  await using folder = await temporaryFolder();
  await using disk = await smallDisk(16);
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry('a', 'x'.repeat(200_000))]);
  const error = await failure(readZip(path, join(disk.path, 'spool')), StorageError);
  expect(error.message).toBe(`cannot write to ${disk.path}: the disk is full`);
});

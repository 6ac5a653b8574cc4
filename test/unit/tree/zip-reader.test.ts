import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { LayerError, StorageError } from '../../../src/core/errors.js';
import { MAX_UNZIPPED_BYTES } from '../../../src/core/lambda-limits.js';
import { processIdentity } from '../../../src/core/process-identity.js';
import { fileEntry, openContent } from '../../../src/tree/tree-entry.js';
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
  const error = await failure(readZip(path, { tmpDir: folder.path }), LayerError);
  return { message: error.message.replaceAll(path, 'ZIP'), hint: error.hint };
}

/** A zip whose one file has that name, which our writer writes as it is told. */
async function zipWith(name: string, content = 'content'): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry(name, content)]);
  return await readFile(path);
}

describe('is refused with its path in the message:', () => {
  test('a file that does not exist', async () => {
    const error = await failure(readZip('/no/such/layer.zip', { tmpDir: '/no/such' }), LayerError);
    expect(error.message).toMatch(/ \/no\/such\/layer\.zip: .*does not exist/);
    expect(error.hint).toContain('layersmith build');
  });

  test('a folder', async () => {
    await using folder = await temporaryFolder();
    const error = await failure(readZip(folder.path, { tmpDir: folder.path }), LayerError);
    expect(error.message).toContain(`cannot read the zip ${folder.path}: `);
  });

  test.each([
    ['nothing', ''],
    ['text', 'this is no zip, whatever its name says\n'.repeat(10)],
  ])('%s', async (_what, bytes) => {
    expect((await errorOf(bytes)).message).toMatch(/^cannot read the zip ZIP: /);
  });

  test('a zip with a link longer than any path', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layer.zip');
    await writeZip(path, [{ type: 'symlink', path: 'a', target: 'x'.repeat(5000) }]);
    const error = await failure(readZip(path, { tmpDir: folder.path }), LayerError);
    expect(error.message).toContain(`${path}: the link a is too long`);
  });

  test('a zip that is cut off', async () => {
    const whole = await zipWith('bin/php', 'x'.repeat(1000));
    for (const length of [whole.length - 1, whole.length - 22, 60, 10])
      expect((await errorOf(whole.subarray(0, length))).message).toMatch(/^cannot read the zip ZIP: /);
  });

  test('a zip with a byte of its content changed', async () => {
    const bytes = await zipWith('a', 'the content of a file that will be damaged');
    const at = 30 + 1 + 10;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    expect((await errorOf(bytes)).message).toMatch(/^cannot read the zip ZIP: /);
  });

  test('a zip whose content is not what its checksum says', async () => {
    const bytes = await zipWith('a', 'content');
    const central = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    bytes.writeUInt32LE(1, central + 16);
    expect((await errorOf(bytes)).message).toBe('cannot read the zip ZIP: the checksum of a is wrong');
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
    expect(error.message).toMatch(/^cannot read the zip ZIP: /);
  });
});

test('set-uid and world-writable modes are kept, for the audit', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry('a', 'x', 0o4755), fileEntry('b', 'x', 0o666)]);
  await using tree = await readZip(path, { tmpDir: folder.path });
  expect(tree.entries.map((entry) => 'mode' in entry && entry.mode)).toEqual([0o4755, 0o666]);
});

/** A zip with one entry, whose size in the directory is changed. */
async function zipDeclaring(sizeBytes: number): Promise<Buffer> {
  const bytes = await zipWith('a', 'content');
  bytes.writeUInt32LE(sizeBytes, bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1')) + 24);
  return bytes;
}

test("a zip that unpacks to more than Lambda's limit is refused before it is unpacked", async () => {
  const error = await errorOf(await zipDeclaring(MAX_UNZIPPED_BYTES + 1));
  expect(error.message).toContain(`more than ${MAX_UNZIPPED_BYTES} bytes`);
  expect(error.hint).toContain('zip bomb');
});

test(
  'an entry that is larger than the zip declares is refused at its declared size',
  { tags: ['system'] },
  async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layer.zip');
    await writeZip(path, [fileEntry('a', Buffer.alloc(50_000_000))]);
    const bytes = await readFile(path);
    bytes.writeUInt32LE(1, bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1')) + 24);
    await writeFile(path, bytes);
    // The bytes would not fit there.
    await using disk = await smallDisk(16);
    const error = await failure(readZip(path, { tmpDir: disk.path }), LayerError);
    expect(error.message).toContain('the size of a is wrong');
  },
);

describe('the zip is closed after', () => {
  /** The open descriptors of this process that lead to the path. */
  const openOf = async (path: string): Promise<readonly string[]> => {
    const fds = (await readdir('/proc/self/fd')).map((fd) => join('/proc/self/fd', fd));
    const targets = await Promise.all(fds.map((fd) => readlink(fd).catch(() => '')));
    return targets.filter((target) => target === path);
  };

  test('a file that is longer than declared', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layer.zip');
    // Far more than streams buffer, in digits so that it is deflated.
    const content = randomBytes(2 * 1024 ** 2).toString('hex');
    await writeZip(path, [fileEntry('a', content)]);
    const bytes = await readFile(path);
    const central = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    expect(bytes.readUInt16LE(central + 10)).toBe(8);
    bytes.writeUInt32LE(10, central + 24);
    await writeFile(path, bytes);
    const error = await failure(readZip(path, { tmpDir: folder.path }), LayerError);
    expect(error.message).toContain('the size of a is wrong');
    await expect.poll(() => openOf(path)).toEqual([]);
  });

  test('a link that is too long', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layer.zip');
    const target = randomBytes(2 * 1024 ** 2).toString('hex');
    await writeZip(path, [{ type: 'symlink', path: 'a', target }]);
    const error = await failure(readZip(path, { tmpDir: folder.path }), LayerError);
    expect(error.message).toContain('the link a is too long');
    await expect.poll(() => openOf(path)).toEqual([]);
  });
});

test('a hostile zip and a damaged one have different hints', async () => {
  expect((await errorOf(await zipWith('../evil'))).hint).toContain('Do not unpack');
  const whole = await zipWith('a', 'x'.repeat(1000));
  expect((await errorOf(whole.subarray(0, 60))).hint).toContain('damaged');
});

test('the temporary file exists until the tree is disposed of, and is removed after an error too', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry('a', 'content')]);
  const tmpDir = join(folder.path, 'tmp');
  await mkdir(tmpDir);
  {
    await using tree = await readZip(path, { tmpDir });
    const [file] = await readdir(tmpDir);
    expect(file?.startsWith(`${processIdentity()}-`)).toBe(true);
    const [entry] = tree.entries;
    if (entry?.type !== 'file') throw new Error('not a file');
    expect((await buffer(openContent(entry))).toString()).toBe('content');
  }
  expect(await readdir(tmpDir)).toEqual([]);
  await writeFile(path, await zipDeclaring(1));
  await failure(readZip(path, { tmpDir }), LayerError);
  expect(await readdir(tmpDir)).toEqual([]);
});

test('a full disk is a storage error, not the fault of the zip', { tags: ['system'] }, async () => {
  await using folder = await temporaryFolder();
  await using disk = await smallDisk(16);
  const path = join(folder.path, 'layer.zip');
  await writeZip(path, [fileEntry('a', 'x'.repeat(200_000))]);
  const error = await failure(readZip(path, { tmpDir: disk.path }), StorageError);
  expect(error.message).toContain(`${disk.path}: the disk is full`);
});

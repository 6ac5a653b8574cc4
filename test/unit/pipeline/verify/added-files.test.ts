import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../../../../src/core/digest.js';
import { addedFiles } from '../../../../src/pipeline/verify/added-files.js';
import { fileEntry } from '../../../../src/tree/tree-entry.js';
import { writeZip } from '../../../../src/tree/zip-writer.js';
import { failure } from '../../../support/failure.js';
import { temporaryFolder, type TemporaryFolder } from '../../../support/temporary-folder.js';

/** A folder for temporary files, and a layer beside it. */
async function layer(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  await folder.write({ 'tmp/other': '' });
  await writeZip(join(folder.path, 'layer.zip'), [
    fileEntry('bin/tool', '#!/bin/sh', 0o755),
    fileEntry('bootstrap', 'not added', 0o755),
    fileEntry('etc/ca.pem', 'certificates'),
  ]);
  return folder;
}

test('files that the definition added are taken out of the zip, and are gone at the end', async () => {
  await using folder = await layer();
  const tmpDir = join(folder.path, 'tmp');
  const files = [
    { path: 'bin/tool', sha256: sha256('#!/bin/sh'), executable: true as const },
    { path: 'etc/ca.pem', sha256: sha256('certificates') },
  ];
  {
    await using added = await addedFiles(join(folder.path, 'layer.zip'), { files }, { tmpDir });
    expect([...added.files.keys()]).toEqual(['bin/tool', 'etc/ca.pem']);
    const [tool, certificates] = [...added.files.values()];
    expect(await readFile(tool ?? '', 'utf8')).toBe('#!/bin/sh');
    expect((await stat(tool ?? '')).mode & 0o100).toBe(0o100);
    expect(await readFile(certificates ?? '', 'utf8')).toBe('certificates');
    expect((await stat(certificates ?? '')).mode & 0o100).toBe(0);
  }
  expect(await readdir(tmpDir)).toEqual(['other']);
});

test('a layer without added files has none, and its zip is not read', async () => {
  await using folder = await layer();
  await using added = await addedFiles(join(folder.path, 'none.zip'), {}, { tmpDir: folder.path });
  expect(added.files.size).toBe(0);
});

test('a zip that cannot be read leaves nothing behind', async () => {
  await using folder = await layer();
  const tmpDir = join(folder.path, 'tmp');
  await folder.write({ 'broken.zip': 'no zip' });
  const files = [{ path: 'etc/ca.pem', sha256: sha256('certificates') }];
  await failure(addedFiles(join(folder.path, 'broken.zip'), { files }, { tmpDir }), Error);
  expect(await readdir(tmpDir)).toEqual(['other']);
});

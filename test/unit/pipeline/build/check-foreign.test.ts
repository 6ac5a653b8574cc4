import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { IntegrityError, LayerError } from '../../../../src/core/errors.js';
import { MANIFEST_PATH, writeManifest } from '../../../../src/layer/manifest.js';
import { checkForeignArtifact, checkForeignManifest } from '../../../../src/pipeline/build/check-foreign.js';
import { packTree } from '../../../../src/tree/pack-tree.js';
import { fileEntry } from '../../../../src/tree/tree-entry.js';
import { writeZip } from '../../../../src/tree/zip-writer.js';
import { failure } from '../../../support/failure.js';
import { manifestStage, manifestWith } from '../../../support/manifest.js';
import { rawTar } from '../../../support/raw-tar.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const { signal } = new AbortController();

/** Checks a tar as an artifact that another machine made. */
async function check(archive: Readable): Promise<void> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'artifact');
  await pipeline(archive, createWriteStream(path));
  await checkForeignArtifact(path, { name: 'zlib/1.3', tmpDir: folder.path, signal });
}

const FOLDER = { type: 'directory', path: 'lib', mode: 0o755 } as const;

test('an artifact as a stage leaves it is accepted', async () => {
  const entries = [
    FOLDER,
    fileEntry('lib/libz.a', 'an archive'),
    { type: 'symlink', path: 'lib/libz.so', target: 'libz.a' } as const,
    fileEntry('run', 'a program', 0o755),
  ];
  await check(packTree(entries, { owner: 0 }));
});

test.each<[string, Readable, string]>([
  ['leaves the tree', rawTar([{ name: '../evil' }]), 'leaves the tree'],
  [
    'has a link that leaves the tree',
    rawTar([{ name: 'evil', type: '2', linkname: '/etc' }]),
    'leaves the tree',
  ],
  ['has a device', rawTar([{ name: 'null', type: '3' }]), 'is not allowed'],
  ['is set-uid', rawTar([{ name: 'su', mode: 0o4755 }]), 'set-uid'],
  ['has a name twice', rawTar([{ name: 'a' }, { name: 'a' }]), 'twice'],
])('an artifact that %s is refused', async (_what, archive, message) => {
  expect((await failure(check(archive), LayerError)).message).toContain(message);
});

test('an artifact whose tar is another one than layersmith makes of the same files is refused', async () => {
  const entries = [FOLDER, fileEntry('lib/libz.a', 'an archive')];
  for (const archive of [
    // Another owner, another order, an odd mode.
    packTree(entries, { owner: 1000 }),
    packTree([...entries].reverse(), { owner: 0 }),
    packTree([FOLDER, fileEntry('lib/libz.a', 'an archive', 0o640)], { owner: 0 }),
  ]) {
    const error = await failure(check(archive), IntegrityError);
    expect(Object.keys(error.details)).toEqual(['expected', 'actual']);
  }
});

test('a layer is accepted only with the manifest of this build', async () => {
  await using folder = await temporaryFolder();
  const expected = manifestWith({ stages: [manifestStage({ recipe: 'lua/5.4', homepage: undefined })] });
  const zip = async (name: string, manifest: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeZip(path, [fileEntry(MANIFEST_PATH, manifest)]);
    return path;
  };
  await checkForeignManifest(await zip('same.zip', writeManifest(expected)), expected);
  const other = await zip('other.zip', writeManifest({ ...expected, version: '5.4.6' }));
  await failure(checkForeignManifest(other, expected), LayerError);
  const none = join(folder.path, 'none.zip');
  await writeZip(none, [fileEntry('bootstrap', 'x')]);
  await failure(checkForeignManifest(none, expected), LayerError);
});

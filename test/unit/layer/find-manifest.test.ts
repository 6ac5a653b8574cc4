import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { findManifest } from '../../../src/layer/find-manifest.js';
import { MANIFEST_PATH, writeManifest } from '../../../src/layer/manifest.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { failure } from '../../support/failure.js';
import { manifestWith } from '../../support/manifest.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** Makes a layer with this file at the manifest's path, as a zip and as a folder, and returns the paths of both. */
async function layersWith(folder: string, content: string | Buffer): Promise<readonly [string, string]> {
  const zip = join(folder, 'layer.zip');
  await writeZip(zip, [fileEntry(MANIFEST_PATH, content)]);
  const unpacked = join(folder, 'layer');
  await mkdir(dirname(join(unpacked, MANIFEST_PATH)), { recursive: true });
  await writeFile(join(unpacked, MANIFEST_PATH), content);
  return [zip, unpacked];
}

test('the manifest is read out of a zip and out of a folder', async () => {
  await using folder = await temporaryFolder();
  for (const layer of await layersWith(folder.path, writeManifest(manifestWith())))
    expect(await findManifest(layer)).toEqual(manifestWith());
});

test('a manifest that is larger than 16 MiB is not read into memory', async () => {
  await using folder = await temporaryFolder();
  // Valid JSON, so that only its size can be the reason.
  const padded = writeManifest(manifestWith()).padEnd(16 * 1024 ** 2 + 1);
  for (const layer of await layersWith(folder.path, padded)) {
    const error = await failure(findManifest(layer), LayerError);
    expect(error.message).toContain(`${MANIFEST_PATH} in ${layer} has 16777217 bytes`);
  }
});

test('what is not a layer, or has no manifest, has none', async () => {
  await using folder = await temporaryFolder();
  const text = join(folder.path, 'text.zip');
  await writeFile(text, 'this is no zip');
  const empty = join(folder.path, 'empty.zip');
  await writeZip(empty, [fileEntry('bin/php', 'x')]);
  for (const layer of [folder.path, join(folder.path, 'missing.zip'), text, empty])
    expect(await findManifest(layer)).toBeUndefined();
});

test('a layer that cannot be read is an error, not a layer without a manifest', async () => {
  await using folder = await temporaryFolder();
  const loop = join(folder.path, 'loop.zip');
  await symlink(loop, loop);
  const error = await failure(findManifest(loop), LayerError);
  expect(error.message).toContain(`cannot read the manifest of ${loop}: ELOOP`);
});

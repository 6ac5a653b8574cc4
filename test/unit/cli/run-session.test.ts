import { join } from 'node:path';
import { expect, test } from 'vitest';
import { platformOfLayers } from '../../../src/cli/run-session.js';
import { UsageError } from '../../../src/core/errors.js';
import { MANIFEST_PATH } from '../../../src/layer/manifest.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { failure } from '../../support/failure.js';
import { manifestWith } from '../../support/manifest.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const NOTHING = { platform: undefined, arch: undefined };

async function layersFolder() {
  const folder = await temporaryFolder();
  const manifest = (platform: string, architecture: Architecture): string =>
    JSON.stringify(manifestWith({ platform, architecture }));
  await folder.write({
    'vendor/vendor/autoload.php': '<?php',
    [`old/${MANIFEST_PATH}`]: manifest('provided.al2', 'arm64'),
    [`new/${MANIFEST_PATH}`]: manifest('provided.al2023', 'arm64'),
    [`intel/${MANIFEST_PATH}`]: manifest('provided.al2023', 'x86_64'),
  });
  const layers = (...names: readonly string[]): string[] => names.map((name) => join(folder.path, name));
  return { layers, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test('the first layer with a manifest decides the platform, flags come before it', async () => {
  await using folder = await layersFolder();
  const { layers } = folder;
  expect(await platformOfLayers(layers('vendor', 'old', 'new'), NOTHING)).toEqual({
    platform: 'provided.al2',
    arch: 'arm64',
  });
  expect(
    await platformOfLayers(layers('new', 'old'), { platform: 'provided', arch: undefined }),
  ).toMatchObject({ platform: 'provided' });
  expect(await platformOfLayers(layers('vendor'), { ...NOTHING, arch: 'arm64' })).toEqual({
    platform: 'provided.al2023',
    arch: 'arm64',
  });
  expect(await platformOfLayers(layers('vendor'), NOTHING)).toEqual({
    platform: 'provided.al2023',
    arch: 'x86_64',
  });
});

test('layers of two architectures are refused', async () => {
  await using folder = await layersFolder();
  const layers = folder.layers('vendor', 'new', 'intel');
  const error = await failure(platformOfLayers(layers, NOTHING), UsageError);
  expect(error.message).toBe(`the layer ${layers[2] ?? ''} is for x86_64, not for arm64`);
  expect(error.hint).toBe('Name layers of one architecture.');
});

test('a layer of another architecture than --arch is refused', async () => {
  await using folder = await layersFolder();
  const layers = folder.layers('new');
  const error = await failure(platformOfLayers(layers, { ...NOTHING, arch: 'x86_64' }), UsageError);
  expect(error.message).toBe(`the layer ${layers[0] ?? ''} is for arm64, not for x86_64`);
  expect(error.hint).toBe('Leave out --arch, or name a layer for x86_64.');
});

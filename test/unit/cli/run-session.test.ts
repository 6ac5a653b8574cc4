import { join } from 'node:path';
import { expect, test } from 'vitest';
import { platformOfLayers } from '../../../src/cli/run-session.js';
import { MANIFEST_PATH } from '../../../src/layer/manifest.js';
import { manifestWith } from '../../support/manifest.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const NOTHING = { platform: undefined, arch: undefined };

test('the first layer with a manifest decides the platform, flags come before it', async () => {
  await using folder = await temporaryFolder();
  const manifest = (platform: string, architecture: 'x86_64' | 'arm64'): string =>
    JSON.stringify(manifestWith({ platform, architecture }));
  await folder.write({
    'vendor/vendor/autoload.php': '<?php',
    [`old/${MANIFEST_PATH}`]: manifest('provided.al2', 'arm64'),
    [`new/${MANIFEST_PATH}`]: manifest('provided.al2023', 'x86_64'),
  });
  const layers = (...names: readonly string[]): string[] => names.map((name) => join(folder.path, name));
  expect(await platformOfLayers(layers('vendor', 'old', 'new'), NOTHING)).toEqual({
    platform: 'provided.al2',
    arch: 'arm64',
  });
  expect(await platformOfLayers(layers('new', 'old'), { ...NOTHING, arch: 'arm64' })).toEqual({
    platform: 'provided.al2023',
    arch: 'arm64',
  });
  expect(await platformOfLayers(layers('vendor'), NOTHING)).toEqual({
    platform: 'provided.al2023',
    arch: 'x86_64',
  });
});

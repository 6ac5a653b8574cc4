import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Sha256 } from '../../../../src/core/digest.js';
import { NO_SETTINGS, type LayerSettings } from '../../../../src/layer/layer-settings.js';
import { layerInputKey } from '../../../../src/pipeline/build/layer-key.js';
import { resolvePlan } from '../../../../src/pipeline/build/resolve-plan.js';
import { PACKAGE_ROOT } from '../../../support/fake-io.js';
import { PLATFORM } from '../../../support/platform.js';
import { interpreterYaml, planIn, recipeFolder } from '../../../support/recipe-files.js';
import type { TemporaryFolder } from '../../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await recipeFolder(
    { 'php/8.4': ['zlib'], 'zlib/1.3': [] },
    { 'php/package.yaml': interpreterYaml('8.4'), 'php/smoke/version.php': '<?php' },
  );
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

interface Changes {
  readonly name?: string;
  readonly settings?: Partial<LayerSettings>;
  readonly toolchainDigest?: string;
  readonly runtimeDigest?: string;
}

/** The key of the layer of php/8.4. */
async function key({
  name = 'shop',
  settings = {},
  toolchainDigest = 'sha256:1',
  runtimeDigest = 'sha256:2',
}: Changes = {}): Promise<Sha256> {
  const plan = await planIn(folder.path, 'php');
  const protocolPath = join(folder.path, 'stage.sh');
  const resolved = await resolvePlan(plan, { platform: PLATFORM, toolchainDigest, protocolPath });
  return layerInputKey(resolved, {
    layer: { name, plan, settings: { ...NO_SETTINGS, ...settings } },
    target: {
      ...{ packageRoot: PACKAGE_ROOT, platform: PLATFORM, abiProfiles: [] },
      toolchain: {
        kind: 'debian',
        buildImage: { digest: toolchainDigest },
        runtimeImage: { digest: runtimeDigest },
      },
    },
  });
}

test('the input key of a layer is the same for the same inputs, whatever the layer is called', async () => {
  expect(await key()).toBe(await key({ name: 'other' }));
});

test.each<[string, Changes]>([
  ['settings', { settings: { ini: { memory_limit: '1G' } } }],
  ['mode', { settings: { mode: 'web' } }],
  ['toolchain', { toolchainDigest: 'sha256:3' }],
  ['runtime image', { runtimeDigest: 'sha256:3' }],
])('another %s makes another key', async (_what, changes) => {
  expect(await key(changes)).not.toBe(await key());
});

test.each<[string, string, string]>([
  ['build script of a library', 'zlib/build.sh', 'true\n'],
  ['smoke test', 'php/smoke/version.php', 'exit(1);'],
  ['description', 'zlib/package.yaml', 'cpe: zlib:zlib\n'],
])('another %s makes another key', async (_what, file, text) => {
  const before = await key();
  await appendFile(join(folder.path, file), text);
  expect(await key()).not.toBe(before);
});

import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../../../src/core/digest.js';
import { parseManifest, writeManifest, type Manifest } from '../../../../src/layer/manifest.js';
import { NO_SETTINGS, type LayerSettings } from '../../../../src/layer/layer-settings.js';
import type { BuildTarget } from '../../../../src/pipeline/build/build-context.js';
import { manifestOf } from '../../../../src/pipeline/build/layer-manifest.js';
import { generatedFiles, smokeFilesOf, smokeOf } from '../../../../src/pipeline/build/layer-parts.js';
import { resolvePlan } from '../../../../src/pipeline/build/resolve-plan.js';
import type { StageResult } from '../../../../src/pipeline/build/stage-results.js';
import { PACKAGE_ROOT } from '../../../support/fake-io.js';
import { PLATFORM } from '../../../support/platform.js';
import {
  extensionYaml,
  interpreterYaml,
  lineYaml,
  planIn,
  recipeFolder,
} from '../../../support/recipe-files.js';
import type { TemporaryFolder } from '../../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await recipeFolder(
    { 'php/8.4': ['zlib'], 'zlib/1.3': [] },
    {
      'php/package.yaml': interpreterYaml('8.4'),
      'php/smoke/version.php': '',
      'redis/package.yaml': extensionYaml(['order: 30']),
      'redis/build.sh': 'build_extension\n',
      'redis/6.yaml': lineYaml('6.2.0', ['igbinary']),
      'redis/smoke/used.php': '',
      'igbinary/package.yaml': extensionYaml(),
      'igbinary/build.sh': 'build_extension\n',
      'igbinary/3.yaml': lineYaml('3.2.16'),
      'files/tool': '#!/bin/sh',
      'files/ca.pem': 'certificates',
    },
  );
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

const TARGET: Pick<BuildTarget, 'platform' | 'toolchain' | 'toolchainPackages'> = {
  platform: PLATFORM,
  toolchain: {
    ...{ kind: 'debian', reason: 'asked for' },
    buildImage: { id: 'a', digest: 'sha256:1' },
    runtimeImage: { id: 'b', digest: 'sha256:2' },
  },
  toolchainPackages: [{ name: 'gcc-12', version: '12.2.0-14' }],
};

function resultOf(recipe: string, below: readonly string[]): StageResult {
  const outcome = (name: string) => ({ recipe: name, artifact: sha256(name), sources: {} });
  return { ...outcome(recipe), contentKey: sha256(`key of ${recipe}`), below: below.map(outcome) };
}

async function manifest(extensions: readonly string[], settings: LayerSettings): Promise<Manifest> {
  const resolved = await resolvePlan(await planIn(folder.path, 'php', extensions), {
    platform: PLATFORM,
    toolchainDigest: 'sha256:1',
    protocolPath: join(folder.path, 'stage.sh'),
  });
  const results = [
    resultOf('php/8.4', ['zlib/1.3']),
    resultOf('igbinary/3', ['zlib/1.3', 'php/8.4']),
    resultOf('redis/6', ['zlib/1.3', 'php/8.4', 'igbinary/3']),
  ];
  return manifestOf(resolved, {
    results: results.slice(0, resolved.layer.length),
    settings,
    target: TARGET,
  });
}

test('the manifest of a layer with extensions has them in their order, settings, files and every stage', async () => {
  await chmod(join(folder.path, 'files/tool'), 0o755);
  const files = new Map([
    ['etc/ca.pem', join(folder.path, 'files/ca.pem')],
    ['bin/tool', join(folder.path, 'files/tool')],
  ]);
  const found = await manifest(['redis'], { mode: 'web', ini: { memory_limit: '1G' }, files });
  expect(found).toMatchObject({
    recipe: 'php/8.4',
    extensions: ['igbinary/3', 'redis/6'],
    mode: 'web',
    ini: { memory_limit: '1G' },
    files: [
      { path: 'bin/tool', sha256: sha256('#!/bin/sh'), executable: true },
      { path: 'etc/ca.pem', sha256: sha256('certificates') },
    ],
  });
  expect(found.files?.[1]).not.toHaveProperty('executable');
  expect(found.stages.map(({ recipe, artifact }) => [recipe, artifact])).toEqual(
    ['zlib/1.3', 'php/8.4', 'igbinary/3', 'redis/6'].map((name) => [name, sha256(name)]),
  );
  expect(parseManifest(Buffer.from(writeManifest(found)))).toEqual(found);
});

test('the manifest of a layer without extensions and settings has no keys for them', async () => {
  const found = await manifest([], NO_SETTINGS);
  expect(found.stages.map(({ recipe }) => recipe)).toEqual(['zlib/1.3', 'php/8.4']);
  for (const key of ['extensions', 'mode', 'ini', 'files']) expect(found).not.toHaveProperty(key);
});

test('the smoke tests of an extension are named after it, and their files are in a folder of its name', async () => {
  const plan = await planIn(folder.path, 'php', ['redis']);
  expect(smokeOf(plan).programs.map(({ name }) => name)).toEqual([
    'version',
    'igbinary: used',
    'redis: used',
  ]);
  expect([...smokeFilesOf(plan)]).toEqual([
    ['version.php', join(folder.path, 'php/smoke/version.php')],
    ['redis/used.php', join(folder.path, 'redis/smoke/used.php')],
  ]);
});

test('the generated files load the extensions, and come with the settings of the layer only if there are any', async () => {
  const plan = await planIn(folder.path, 'php', ['redis']);
  const paths = async (ini: Readonly<Record<string, string>>): Promise<readonly string[]> =>
    (await generatedFiles(plan, { settings: { ...NO_SETTINGS, ini }, packageRoot: PACKAGE_ROOT })).map(
      ({ path }) => path,
    );
  const loading = ['bootstrap', 'etc/php/conf.d/20-igbinary.ini', 'etc/php/conf.d/30-redis.ini'];
  expect(await paths({})).toEqual(loading);
  expect(await paths({ memory_limit: '1G' })).toEqual([...loading, 'etc/php/conf.d/90-layer.ini']);
});

import { expect, test } from 'vitest';
import { sha256, type Sha256 } from '../../../../src/core/digest.js';
import { resolvePlan } from '../../../../src/pipeline/build/resolve-plan.js';
import { planIn, recipeFolder } from '../../../support/recipe-files.js';
import { PLATFORM } from '../../../support/platform.js';

/** The input keys of app/1, which needs lib/1, by recipe. */
async function keysWith(
  files: Readonly<Record<string, string>> = {},
  toolchainDigest = 'sha256:toolchain',
): Promise<Readonly<Record<string, Sha256>>> {
  await using folder = await recipeFolder({ 'app/1': ['lib'], 'lib/1': [] }, files);
  const { root, stages } = await resolvePlan(await planIn(folder.path, 'app/1'), {
    platform: PLATFORM,
    toolchainDigest,
    protocolPath: `${folder.path}/stage.sh`,
  });
  expect(root.stage.recipe.name).toBe('app/1');
  return Object.fromEntries(stages.map(({ stage, inputKey }) => [stage.recipe.name, inputKey]));
}

test('the same recipes and toolchain give the same input keys in another folder', async () => {
  const keys = await keysWith();
  expect(Object.keys(keys)).toEqual(['lib/1', 'app/1']);
  expect(await keysWith()).toEqual(keys);
});

test('the input key of what is needed is part of the key above it', async () => {
  const before = await keysWith();
  const after = await keysWith({ 'lib/build.sh': 'make install # with care\n' });
  expect(after['lib/1']).not.toBe(before['lib/1']);
  expect(after['app/1']).not.toBe(before['app/1']);
});

test('the toolchain is part of every key', async () => {
  const before = await keysWith();
  const after = await keysWith({}, 'sha256:other');
  for (const name of ['lib/1', 'app/1']) expect(after[name]).not.toBe(before[name]);
});

test('all alternatives of a source count', async () => {
  const line = (...digests: string[]): Record<string, string> => ({
    'lib/1.yaml': `version: '1'\nsources:\n  main:\n${digests.map((digest) => `    - { file: ${digest.slice(0, 8)}.tar.gz, sha256: '${digest}', urls: [] }\n`).join('')}`,
  });
  const [one, two] = [sha256('upstream'), sha256('repacked')];
  expect((await keysWith(line(one, two)))['lib/1']).not.toBe((await keysWith(line(one)))['lib/1']);
});

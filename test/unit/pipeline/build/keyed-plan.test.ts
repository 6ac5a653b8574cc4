import { expect, test } from 'vitest';
import { sha256 } from '../../../../src/core/digest.js';
import { keyPlan, type KeyedStage } from '../../../../src/pipeline/build/keyed-plan.js';
import type { PinnedFile } from '../../../../src/recipe/source.js';
import { planIn, recipeFolder } from '../../../support/recipe-files.js';
import { PLATFORM } from '../../../support/platform.js';

const [FIRST, SECOND] = [sha256('upstream'), sha256('repacked')];
const LIBRARY = `version: '1'
sources:
  main:
    - { file: up.tar.gz, sha256: '${FIRST}', urls: [] }
    - { file: re.tar.gz, sha256: '${SECOND}', urls: [] }
`;

/** The stages of app/1, which needs lib/1, with these files at hand. */
async function keyed(...atHand: string[]): Promise<readonly [KeyedStage, KeyedStage]> {
  await using folder = await recipeFolder({ 'app/1': ['lib'], 'lib/1': [] }, { 'lib/1.yaml': LIBRARY });
  const stages = await keyPlan(await planIn(folder.path, 'app/1'), {
    fetcher: {
      atHand: (file: PinnedFile) =>
        Promise.resolve(atHand.includes(file.sha256) ? `/sources/${file.sha256}` : undefined),
    },
    platform: PLATFORM,
    toolchainDigest: 'sha256:toolchain',
    protocolPath: `${folder.path}/stage.sh`,
    signal: new AbortController().signal,
  });
  const [lib, app, ...more] = stages;
  if (lib === undefined || app === undefined || more.length > 0)
    throw new Error('the plan has not two stages');
  return [lib, app];
}

test('where nothing is at hand the first alternative decides, and has no path', async () => {
  const [lib] = await keyed();
  expect(lib.sources).toMatchObject([{ file: { sha256: FIRST }, path: undefined }]);
});

test('the alternative that is at hand decides the key', async () => {
  const [none] = await keyed();
  const [second] = await keyed(SECOND);
  expect(second.sources).toMatchObject([{ file: { sha256: SECOND }, path: `/sources/${SECOND}` }]);
  expect(second.key).not.toBe(none.key);
});

test('of two that are at hand the first one is taken', async () => {
  const [both] = await keyed(SECOND, FIRST);
  const [first] = await keyed(FIRST);
  expect(both.sources).toMatchObject([{ file: { sha256: FIRST } }]);
  expect(both.key).toBe(first.key);
});

test('a key that the source gave before it was fetched is the same afterwards', async () => {
  const [before] = await keyed();
  const [after] = await keyed(FIRST);
  expect(after.key).toBe(before.key);
});

test('the key of what is needed is part of the key above it', async () => {
  const [, one] = await keyed(FIRST);
  const [, other] = await keyed(SECOND);
  expect(one.stage.recipe.name).toBe('app/1');
  expect(one.key).not.toBe(other.key);
});

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256, type Sha256 } from '../../../src/core/digest.js';
import { RecipeError } from '../../../src/core/errors.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { contentKey, inputKey, stageDigest, type StageInputs } from '../../../src/stage/stage-key.js';
import { failure } from '../../support/failure.js';
import { loadRecipe, packageYaml, recipeFolder } from '../../support/recipe-files.js';
import { PLATFORM } from '../../support/platform.js';

const RECIPES = { 'thing/1': [], 'thing/2': [] };
const LINE = (rest = ''): string =>
  `version: '1.0.0'\n${rest}sources:\n  main:\n    - { file: a.tar.gz, sha256: '${sha256('a')}', urls: [] }\n`;

/** The digest of thing/1, with other files or other inputs. */
async function keyWith(
  files: Readonly<Record<string, string>> = {},
  changes: Partial<StageInputs> = {},
): Promise<Sha256> {
  await using folder = await recipeFolder(RECIPES, { 'thing/1.yaml': LINE(), ...files });
  const library = await openRecipeLibrary([folder.path]);
  return await stageDigest({
    recipe: await loadRecipe(library, 'thing/1'),
    platform: PLATFORM,
    toolchainDigest: `sha256:${sha256('t')}`,
    protocolPath: library.protocolPath,
    ...changes,
  });
}

const base = await keyWith();

describe('the digest of a stage changes with', () => {
  test.each<[string, Record<string, string>]>([
    ['the version', { 'thing/1.yaml': LINE().replace('1.0.0', '1.0.1') }],
    ['an option', { 'thing/1.yaml': LINE('options: { FAST: yes }\n') }],
    ['the build script', { 'thing/build.sh': 'make install # better\n' }],
    ['a patch of the version', { 'thing/patches/1.0.0-a.patch': 'a' }],
    ['another file that the build can see', { 'thing/helper.c': 'int x;' }],
    [
      'the kind',
      {
        'thing/package.yaml':
          'kind: tool\nsummary: s\nhomepage: https://x.invalid/\nlicense: MIT\ndefault: "1"\n',
      },
    ],
    ['a source', { 'thing/1.yaml': LINE().replace(sha256('a'), sha256('b')) }],
    ['the name of a source', { 'thing/1.yaml': LINE().replace('main:', 'other:') }],
    ['the build protocol', { 'stage.sh': '#!/bin/bash\nset -e\n' }],
  ])('%s', async (_what, files) => {
    expect(await keyWith(files)).not.toBe(base);
  });

  test.each<[string, Partial<StageInputs>]>([
    ['the platform', { platform: { ...PLATFORM, name: 'provided.al2' } }],
    ['the architecture', { platform: { ...PLATFORM, architecture: 'arm64' } }],
    ['the glibc version', { platform: { ...PLATFORM, glibc: '2.26' } }],
    ['the toolchain image', { toolchainDigest: `sha256:${sha256('u')}` }],
  ])('%s', async (_what, changes) => {
    expect(await keyWith({}, changes)).not.toBe(base);
  });

  test('the value of an option', async () => {
    const one = await keyWith({ 'thing/1.yaml': LINE('options: { FAST: "1" }\n') });
    const two = await keyWith({ 'thing/1.yaml': LINE('options: { FAST: "2" }\n') });
    expect(one).not.toBe(two);
  });

  test('the content of a patch, and with its name', async () => {
    const keys = await Promise.all([
      keyWith({ 'thing/patches/1.0.0-a.patch': 'a' }),
      keyWith({ 'thing/patches/1.0.0-a.patch': 'b' }),
      keyWith({ 'thing/patches/1.0.0-b.patch': 'a' }),
    ]);
    expect(new Set(keys).size).toBe(3);
  });

  test('which source comes first, since the build starts in its folder', async () => {
    const source = (name: string): string =>
      `  ${name}:\n    - { file: ${name}.tar.gz, sha256: '${sha256(name)}', urls: [] }\n`;
    const line = (...names: string[]): string => `version: '1'\nsources:\n${names.map(source).join('')}`;
    const one = await keyWith({ 'thing/1.yaml': line('main', 'extra') });
    const other = await keyWith({ 'thing/1.yaml': line('extra', 'main') });
    expect(one).not.toBe(other);
  });
});

describe("the digest of a stage with patches from another source's tree", () => {
  const SOURCES = ['main', 'fixes']
    .map((name) => `  ${name}: [{ file: ${name}.tar.gz, sha256: '${sha256(name)}', urls: [] }]\n`)
    .join('');
  const keyOf = async (patches: string, files: Readonly<Record<string, string>> = {}): Promise<Sha256> =>
    keyWith({
      'thing/1.yaml': `version: '1.0.0'\nsources:\n${SOURCES}patches: ${patches}\n`,
      'patched.sh': 'patch\n',
      ...files,
    });
  const TWO = '{ fixes: { a.patch: [CVE-2026-1], b.patch: [] } }';

  test('changes with their names and order, with what applies them and with build.sh', async () => {
    const keys = await Promise.all([
      keyOf(TWO),
      keyOf('{}'),
      keyOf('{ fixes: { a.patch: [] } }'),
      keyOf('{ fixes: { b.patch: [], a.patch: [] } }'),
      keyOf(TWO, { 'patched.sh': 'patch --forward\n' }),
      keyOf(TWO, { 'thing/build.sh': 'make install # better\n' }),
    ]);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('does not change with what they close, and without patches not with what would apply them', async () => {
    expect(await keyOf('{ fixes: { a.patch: [], b.patch: [CVE-2026-2] } }')).toBe(await keyOf(TWO));
    expect(await keyWith({ 'patched.sh': 'patch\n' })).toBe(base);
  });
});

describe('the digest of a stage does not change with', () => {
  test.each<[string, Record<string, string>]>([
    [
      'texts for people',
      {
        'thing/package.yaml':
          'kind: library\nsummary: other\nhomepage: https://y.invalid/\nlicense: ISC\ndefault: "2"\n',
      },
    ],
    ['the end of its life', { 'thing/1.yaml': LINE('endOfLife: 2020-01-01\n') }],
    [
      'what its sources bundle',
      {
        'thing/1.yaml': LINE('bundles: { copy: 1.0.0 }\n'),
        'thing/package.yaml': `${packageYaml('1')}bundles: { copy: { license: MIT, from: [copy.h] } }\n`,
      },
    ],
    ['comments', { 'thing/1.yaml': `# a comment\n${LINE()}` }],
    ['smoke tests', { 'thing/smoke/a.lua': 'x' }],
    ['files that are added to the layer', { 'thing/layer/etc/x.ini': 'x' }],
    ["another line's pins", { 'thing/2.yaml': LINE('endOfLife: 2020-01-01\n') }],
    ["another version's patches", { 'thing/patches/2.0.0-a.patch': 'a' }],
    ['URLs', { 'thing/1.yaml': LINE().replace('urls: []', 'urls: [https://x.invalid/a]') }],
  ])('%s', async (_what, files) => {
    expect(await keyWith(files)).toBe(base);
  });

  test.each<[string, Partial<StageInputs>]>([
    ["the platform's dates", { platform: { ...PLATFORM, endOfLife: '2020-01-01' } }],
    [
      "the images' names: the digest counts",
      { platform: { ...PLATFORM, toolchain: { base: 'x', release: 'y' }, runtime: 'z' } },
    ],
  ])('%s', async (_what, changes) => {
    expect(await keyWith({}, changes)).toBe(base);
  });

  test('the order of the options', async () => {
    const one = await keyWith({ 'thing/1.yaml': LINE('options: { A: "1", B: "2" }\n') });
    const two = await keyWith({ 'thing/1.yaml': LINE('options: { B: "2", A: "1" }\n') });
    expect(one).toBe(two);
  });

  test('the folder that the recipes lie in', async () => {
    await using one = await recipeFolder(RECIPES, { 'thing/1.yaml': LINE() });
    await using other = await recipeFolder(RECIPES, { 'thing/1.yaml': LINE() });
    expect(one.path).not.toBe(other.path);
    const digestIn = async (folder: string): Promise<Sha256> => {
      const library = await openRecipeLibrary([folder]);
      const recipe = await loadRecipe(library, 'thing/1');
      const { protocolPath } = library;
      return stageDigest({ recipe, platform: PLATFORM, toolchainDigest: 'sha256:t', protocolPath });
    };
    expect(await digestIn(one.path)).toBe(await digestIn(other.path));
  });
});

describe.each([
  ['an input key', inputKey],
  ['a content key', contentKey],
] as const)('%s', (_name, keyOf) => {
  const [stage, a, b] = [sha256('stage'), sha256('a'), sha256('b')];

  test('changes with the stage and with what it needs, not with their order', () => {
    expect(keyOf(stage, [a, b])).toBe(keyOf(stage, [b, a]));
    const keys = [keyOf(stage, [a, b]), keyOf(stage, [a]), keyOf(stage, []), keyOf(a, [a, b])];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

test('an input key is never a content key', () => {
  expect(inputKey(sha256('stage'), [])).not.toBe(contentKey(sha256('stage'), []));
});

test('files of the build that cannot be read are problems of the recipe, all of them', async () => {
  await using folder = await recipeFolder(RECIPES, { 'thing/1.yaml': LINE(), 'thing/helper.c': 'int x;' });
  const library = await openRecipeLibrary([folder.path]);
  const recipe = await loadRecipe(library, 'thing/1');
  const lost = ['thing/build.sh', 'thing/helper.c', 'stage.sh'].map((file) => join(folder.path, file));
  for (const file of lost) await rm(file);
  const keying = stageDigest({
    recipe,
    platform: PLATFORM,
    toolchainDigest: 'sha256:t',
    protocolPath: library.protocolPath,
  });
  const message = 'cannot read the file (ENOENT)';
  expect((await failure(keying, RecipeError)).problems).toEqual(
    lost.map((file) => ({ file, line: 1, column: 1, message })),
  );
});

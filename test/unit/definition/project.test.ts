import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecipeError } from '../../../src/core/errors.js';
import { findProject } from '../../../src/definition/project.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a project is the folder of the nearest layersmith.yaml, with its recipes, platforms and lock', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'layersmith.yaml': '', 'recipes/zlib/1.yaml': '', 'platforms/mine.yaml': '' });
  const below = join(folder.path, 'src', 'deep');
  await mkdir(below, { recursive: true });
  expect(await findProject(below)).toEqual({
    folder: folder.path,
    recipes: join(folder.path, 'recipes'),
    platforms: join(folder.path, 'platforms'),
    lock: join(folder.path, 'layersmith.lock'),
    mirrors: [],
    store: undefined,
    trustedKeys: new Map(),
    advisories: undefined,
    layers: [],
  });
});

test('without one, the working directory is the project, and what it does not have is not looked for above', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'recipes/zlib/1.yaml': '', 'inside/recipes': 'a file' });
  const inside = join(folder.path, 'inside');
  expect(await findProject(inside)).toEqual({
    folder: inside,
    recipes: undefined,
    platforms: undefined,
    lock: join(inside, 'layersmith.lock'),
    mirrors: [],
    store: undefined,
    trustedKeys: new Map(),
    advisories: undefined,
    layers: [],
  });
});

test('without one, recipes/ and platforms/ are taken only if they hold a recipe and a platform', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'recipes/soup/recipe.yaml': 'version: 1\n', 'platforms/android.yaml': 'sdk: 30\n' });
  expect(await findProject(folder.path)).toMatchObject({ recipes: undefined, platforms: undefined });
  await folder.write({
    'recipes/zlib/1.yaml': "version: '1.3'\nsources: {}\n",
    'platforms/mine.yaml': "name: mine\nglibc: '2.34'\n",
  });
  expect(await findProject(folder.path)).toMatchObject({
    recipes: join(folder.path, 'recipes'),
    platforms: join(folder.path, 'platforms'),
  });
});

test('a layersmith.yaml of another user counts in the working directory only', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'layersmith.yaml': '', 'inside/x': '' });
  // Root's files are always accepted, so where root runs the tests the file goes to another user.
  if (process.getuid?.() === 0) await chown(join(folder.path, 'layersmith.yaml'), 4321, 4321);
  const inside = join(folder.path, 'inside');
  expect((await findProject(inside, 1234)).folder).toBe(inside);
  expect((await findProject(folder.path, 1234)).folder).toBe(folder.path);
});

test('a layersmith.yaml names mirrors of Debian; mistakes in it are told with their place', async () => {
  await using folder = await temporaryFolder();
  await folder.write({
    'layersmith.yaml': 'mirrors: [https://one.example/debian, http://two.example/debian/]\n',
  });
  expect((await findProject(folder.path)).mirrors).toEqual([
    'https://one.example/debian',
    'http://two.example/debian/',
  ]);
  await folder.write({
    'layersmith.yaml': 'mirrors:\n  - https://one.example/debian\n  - file:///debian\nmirrros: []\n',
  });
  const { problems, message } = await failure(findProject(folder.path), RecipeError);
  expect(message).toContain('2 problems in layersmith.yaml');
  expect(problems.map(({ line, column }) => [line, column])).toEqual([
    [3, 5],
    [4, 1],
  ]);
  expect(problems[1]?.message).toContain('mirrors');
});

test('a layersmith.yaml names the public keys that it trusts', async () => {
  await using folder = await temporaryFolder();
  const key = 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqo=';
  await folder.write({ 'layersmith.yaml': `trustedKeys: { acme-ci: '${key}' }\n` });
  expect((await findProject(folder.path)).trustedKeys).toEqual(new Map([['acme-ci', key]]));
  await folder.write({ 'layersmith.yaml': 'trustedKeys:\n  acme-ci: c2hvcnQ=\n' });
  const { problems } = await failure(findProject(folder.path), RecipeError);
  expect(problems).toMatchObject([{ line: 2, column: 12 }]);
  expect(problems[0]?.message).toContain('layersmith keys new');
});

test('a layersmith.yaml names the store that machines share', async () => {
  await using folder = await temporaryFolder();
  for (const store of ['s3://acme-layers/layersmith', 's3://acme-layers', '/mnt/shared', '../shared']) {
    await folder.write({ 'layersmith.yaml': `store: ${store}\n` });
    expect((await findProject(folder.path)).store).toBe(store);
  }
  for (const store of ['https://acme.example/', 's3:/acme', 's3://A_b/x', '""']) {
    await folder.write({ 'layersmith.yaml': `store: ${store}\n` });
    const { problems } = await failure(findProject(folder.path), RecipeError);
    expect(problems).toMatchObject([{ line: 1, column: 8 }]);
  }
});

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecipeError, UsageError } from '../../../src/core/errors.js';
import { failure } from '../../support/failure.js';
import { planIn, recipeFolder, type Recipes } from '../../support/recipe-files.js';

/** The problems of a plan, as a person sees them, with files named below the recipe folder. */
async function problemsOf(recipes: Recipes, files: Readonly<Record<string, string>> = {}): Promise<string[]> {
  await using folder = await recipeFolder(recipes, files);
  const [root = ''] = Object.keys(recipes);
  const { problems } = await failure(planIn(folder.path, root), RecipeError);
  return problems.map((p) => `${p.file.slice(folder.path.length + 1)}:${p.line}:${p.column} ${p.message}`);
}

async function stagesOf(recipes: Recipes): Promise<readonly string[]> {
  await using folder = await recipeFolder(recipes);
  const [root = ''] = Object.keys(recipes);
  return (await planIn(folder.path, root)).stages.map(({ recipe }) => recipe.name);
}

test('every stage comes once, after all of its needs, and the root comes last', async () => {
  expect(
    await stagesOf({ 'app/1': ['a', 'b'], 'a/1': ['c', 'd'], 'b/1': ['d', 'a'], 'c/1': ['d'], 'd/1': [] }),
  ).toEqual(['d/1', 'c/1', 'a/1', 'b/1', 'app/1']);
});

test('a stage has its needs, and everything below it in build order', async () => {
  await using folder = await recipeFolder({ 'app/1': ['a'], 'a/1': ['c', 'd'], 'c/1': ['d'], 'd/1': [] });
  const { root } = await planIn(folder.path, 'app');
  expect(root.needs.map(({ recipe }) => recipe.name)).toEqual(['a/1']);
  expect(root.closure.map(({ recipe }) => recipe.name)).toEqual(['d/1', 'c/1', 'a/1']);
  expect(root.needs[0]?.closure.map(({ recipe }) => recipe.name)).toEqual(['d/1', 'c/1']);
});

test('a need without a line takes the default of its package', async () => {
  expect(await stagesOf({ 'app/1': ['a'], 'a/2': [], 'a/1': [] })).toEqual(['a/2', 'app/1']);
});

test("a library's need without a line takes the line that the root names", async () => {
  const recipes = { 'app/1': ['curl', 'ssl/1.1'], 'curl/8': ['ssl'], 'ssl/3': [], 'ssl/1.1': [] };
  expect(await stagesOf(recipes)).toEqual(['ssl/1.1', 'curl/8', 'app/1']);
});

test('two lines of one package are a problem at the second need', async () => {
  const recipes = { 'app/1': ['a', 'b'], 'a/1': ['z/1'], 'b/1': ['z/2'], 'z/1': [], 'z/2': [] };
  expect(await problemsOf(recipes)).toEqual([
    expect.stringMatching(/^b\/1\.yaml:2:9 z\/2 .* already has z\/1\b/),
  ]);
});

test("a library that names another line than the root is a problem of the library's file", async () => {
  const recipes = { 'app/1': ['curl', 'ssl/1.1'], 'curl/8': ['ssl/3'], 'ssl/3': [], 'ssl/1.1': [] };
  expect(await problemsOf(recipes)).toEqual([
    expect.stringMatching(/^curl\/8\.yaml:2:9 ssl\/3 .* already has ssl\/1\.1\b/),
  ]);
});

test('a cycle is shown in full, at the need that closes it', async () => {
  expect(await problemsOf({ 'app/1': ['a'], 'a/1': ['b'], 'b/1': ['c'], 'c/1': ['a'] })).toEqual([
    expect.stringMatching(/^c\/1\.yaml:2:9 .*cycle.*: a\/1 → b\/1 → c\/1 → a\/1$/),
  ]);
});

test('a package that needs itself is a cycle', async () => {
  expect(await problemsOf({ 'app/1': ['app'] })).toEqual([
    expect.stringMatching(/^app\/1\.yaml:2:9 .*cycle.*: app\/1 → app\/1$/),
  ]);
});

test('a need without a recipe is reported at its position, with the nearest names', async () => {
  expect(await problemsOf({ 'app/1': ['zlib', 'zlob/1'], 'zlib/1': [] })).toEqual([
    expect.stringMatching(/^app\/1\.yaml:2:15 .*\bzlob\/1\b.*\bzlib\/1\?$/),
  ]);
});

test('the problems of several recipes are reported together, each once', async () => {
  const recipes = {
    'app/1': ['a', 'b', 'none'],
    'a/1': ['bad', 'app'],
    'b/1': ['bad', 'nothing'],
    'bad/1': [],
  };
  expect(await problemsOf(recipes, { 'bad/1.yaml': 'version: 1\nsources: []\n' })).toEqual([
    expect.stringMatching(/^bad\/1\.yaml:1:10 `version`: quote/),
    expect.stringMatching(/^bad\/1\.yaml:2:10 `sources`: /),
    expect.stringMatching(/^a\/1\.yaml:2:14 .*cycle.*: app\/1 → a\/1 → app\/1$/),
    expect.stringMatching(/^b\/1\.yaml:2:14 .*\bnothing\b/),
    expect.stringMatching(/^app\/1\.yaml:2:15 .*\bnone\b/),
  ]);
});

test('a problem of the root itself is a recipe error', async () => {
  expect(await problemsOf({ 'app/1': [] }, { 'app/1.yaml': 'sources: {}\n' })).toEqual([
    expect.stringMatching(/^app\/1\.yaml:1:1 `version` is missing/),
  ]);
});

test('a root without a recipe is a usage error', async () => {
  await using folder = await recipeFolder({ 'app/1': [] });
  const error = await failure(planIn(folder.path, 'app/2'), UsageError);
  expect(error.message).toMatch(/\bapp\/2\b.*\bapp\/1\?$/);
});

test('a default line that does not exist is reported once, where the package names it', async () => {
  await using folder = await recipeFolder({ 'app/1': ['a', 'b'], 'a/1': ['b'], 'b/1': [] });
  await folder.write({
    'b/package.yaml': 'kind: library\nsummary: x\nhomepage: https://x.invalid\nlicense: MIT\ndefault: "9"\n',
  });
  const { problems } = await failure(planIn(folder.path, 'app/1'), RecipeError);
  expect(problems).toMatchObject([{ file: join(folder.path, 'b/package.yaml'), line: 5, column: 10 }]);
});

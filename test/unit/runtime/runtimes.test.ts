import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecipeError } from '../../../src/core/errors.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { BOOTSTRAP_CONSTANTS, constantsUsedIn } from '../../../src/runtime/constants.js';
import { readSource } from '../../../src/runtime/read-source.js';
import { RUNTIMES, runtimeNamed, runtimeOf } from '../../../src/runtime/runtimes.js';
import type { Runtime } from '../../../src/runtime/runtime.js';
import { failure } from '../../support/failure.js';
import { BUILT_IN_RECIPES, loadRecipe, recipeFolder } from '../../support/recipe-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a runtime is found by its name', () => {
  expect(runtimeNamed('lua')?.language).toBe('Lua');
  expect(runtimeNamed('Lua')).toBeUndefined();
});

test('every interpreter of the built-in recipes has a runtime', async () => {
  const library = await openRecipeLibrary([BUILT_IN_RECIPES]);
  const found = new Set<string>();
  for (const name of library.names()) {
    const { layer } = await loadRecipe(library, name);
    if (layer !== undefined) found.add(runtimeOf(layer).name);
  }
  expect([...found].sort()).toEqual(RUNTIMES.map(({ name }) => name).sort());
});

test('an unknown runtime is a problem of the recipe, at its place, with the nearest name', async () => {
  const yaml = `kind: interpreter
summary: made up
licence: MIT
default: '1'
layer: { interpreter: luaa, files: [bin/lua], extensions: [] }
smoke: {}
`;
  await using recipes = await recipeFolder({ 'mine/1': [] }, { 'mine/package.yaml': yaml });
  const { layer } = await loadRecipe(await openRecipeLibrary([recipes.path]), 'mine/1');
  if (layer === undefined) throw new Error('no layer');
  const { problems } = await failure(
    Promise.resolve().then(() => runtimeOf(layer)),
    RecipeError,
  );
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ file: join(recipes.path, 'mine/package.yaml'), line: 5, column: 23 });
  expect(problems[0]?.message).toMatch(/'luaa'.*Did you mean lua\?/);
});

test('a new language is a folder of source files and one Runtime', async () => {
  const ruby: Runtime = {
    name: 'ruby',
    language: 'Ruby',
    program: '/opt/bin/ruby',
    modes: ['function'],
    async bootstrap(folder) {
      const source = await readSource(join(folder, 'ruby', 'bootstrap.rb'));
      const constants = Object.entries(constantsUsedIn(source, BOOTSTRAP_CONSTANTS));
      return `#!/opt/bin/ruby\n${constants.map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`).join('')}${source}`;
    },
    settings: undefined,
    compiler: undefined,
    vendor: undefined,
  };
  await using folder = await temporaryFolder();
  await folder.write({ 'ruby/bootstrap.rb': 'puts RUNTIME_API_PATH\n' });
  const position = { file: 'package.yaml', line: 1, column: 1 };
  const found = runtimeOf({ interpreter: 'ruby', position, files: ['bin/ruby'], parts: [], extensions: [] }, [
    ...RUNTIMES,
    ruby,
  ]);
  expect(await found.bootstrap(folder.path, 'function')).toBe(
    '#!/opt/bin/ruby\nRUNTIME_API_PATH = "/2018-06-01/runtime/"\nputs RUNTIME_API_PATH\n',
  );
});

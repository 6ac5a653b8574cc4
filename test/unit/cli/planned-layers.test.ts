import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  groupByTarget,
  layerOfManifest,
  plannedLayers,
  type LayerArgs,
  type TargetedLayer,
} from '../../../src/cli/planned-layers.js';
import { RecipeError, UsageError } from '../../../src/core/errors.js';
import { layerFileName } from '../../../src/pipeline/build/build-layer.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { failure } from '../../support/failure.js';
import { fakeIo } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';
import { extensionYaml, interpreterYaml, lineYaml, recipeFolder } from '../../support/recipe-files.js';
import type { TemporaryFolder } from '../../support/temporary-folder.js';

/** The folder of a project whose recipes are the only ones, so that the built-in ones do not matter. */
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await recipeFolder(
    { 'php/8.4': [], 'php/8.2': [], 'zlib/1.3': [], 'lua/5.4': [] },
    {
      'php/package.yaml': interpreterYaml('8.4', ['mbstring']),
      'php/extension.sh': 'build_extension() { :; }\n',
      'lua/package.yaml': interpreterYaml('5.4').replace('interpreter: php', 'interpreter: lua'),
      'intl/package.yaml': extensionYaml(['bundled: true']),
      'intl/build.sh': 'build_extension\n',
      'redis/package.yaml': extensionYaml(['order: 30']),
      'redis/build.sh': 'build_extension\n',
      'redis/6.yaml': lineYaml('6.2.0'),
      'xdebug/package.yaml': extensionYaml(['zend: true']),
      'xdebug/build.sh': 'build_extension\n',
      'xdebug/3.yaml': `${lineYaml('3.2.0')}supports: { before: '8.3' }\n`,
    },
  );
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

const NONE: LayerArgs = { names: [], with: [], platform: undefined, arch: undefined };

async function planned(changes: Partial<LayerArgs> = {}): Promise<readonly TargetedLayer[]> {
  return plannedLayers(fakeIo(folder.path), { ...NONE, ...changes }, await openRecipeLibrary([folder.path]));
}

/** Writes layersmith.yaml. */
async function define(...lines: readonly string[]): Promise<void> {
  await folder.write({ 'layersmith.yaml': lines.map((line) => `${line}\n`).join('') });
}

/** `shop: php/8.4 redis/6, provided.al2023 x86_64`. */
function shown({ layer: { name, plan }, platform, arch }: TargetedLayer): string {
  const recipes = [plan.root, ...plan.extensions].map(({ recipe }) => recipe.name);
  return `${name}: ${recipes.join(' ')}, ${platform} ${arch}`;
}

/** The problems of layersmith.yaml, as `line:column message`. */
async function problems(changes: Partial<LayerArgs> = {}): Promise<readonly string[]> {
  const error = await failure(planned(changes), RecipeError);
  return error.problems.map(({ file, line, column, message }) => {
    expect(file).toBe(join(folder.path, 'layersmith.yaml'));
    return `${line}:${column} ${message}`;
  });
}

test('without names and layersmith.yaml it is PHP, for the default platform', async () => {
  expect((await planned()).map(shown)).toEqual(['php: php/8.4, provided.al2023 x86_64']);
});

test('without names it is every layer of layersmith.yaml, for each of its platforms and architectures', async () => {
  await define(
    'layers:',
    '  shop:',
    '    base: php/8.4',
    '    extensions: [redis, intl]',
    '    platforms: [provided.al2, provided.al2023]',
    '    architectures: [x86_64, arm64]',
    '    mode: worker',
    '    ini: { memory_limit: 1G }',
    '  small: { base: lua }',
  );
  const targets = await planned();
  expect(targets.map(shown)).toEqual([
    'shop: php/8.4 intl/8.4 redis/6, provided.al2 x86_64',
    'shop: php/8.4 intl/8.4 redis/6, provided.al2 arm64',
    'shop: php/8.4 intl/8.4 redis/6, provided.al2023 x86_64',
    'shop: php/8.4 intl/8.4 redis/6, provided.al2023 arm64',
    'small: lua/5.4, provided.al2023 x86_64',
  ]);
  expect(targets[0]?.layer.settings).toEqual({
    mode: 'worker',
    ini: { memory_limit: '1G' },
    files: new Map(),
  });
  expect(targets.at(-1)?.layer.settings.mode).toBe('function');
  expect(groupByTarget(targets).map(({ platform, arch, layers }) => [platform, arch, layers.length])).toEqual(
    [
      ['provided.al2', 'x86_64', 1],
      ['provided.al2', 'arm64', 1],
      ['provided.al2023', 'x86_64', 2],
      ['provided.al2023', 'arm64', 1],
    ],
  );
});

test('layers and recipes can be named together, and what is named twice counts once', async () => {
  await define('layers: { a: { base: php/8.4 }, b: { base: php/8.2 } }');
  expect((await planned({ names: ['b', 'lua', 'b'] })).map(shown)).toEqual([
    'b: php/8.2, provided.al2023 x86_64',
    'lua: lua/5.4, provided.al2023 x86_64',
  ]);
});

test('a layer comes before a recipe of its name; the recipe has its line, too', async () => {
  await define('layers: { php: { base: php/8.2 } }');
  expect((await planned({ names: ['php', 'php/8.4'] })).map(shown)).toEqual([
    'php: php/8.2, provided.al2023 x86_64',
    'php: php/8.4, provided.al2023 x86_64',
  ]);
});

test('--platform and --arch override the definition', async () => {
  await define('layers: { a: { base: php, platforms: [provided], architectures: [arm64] } }');
  const targets = await planned({ platform: 'provided.al2', arch: ['x86_64', 'arm64', 'x86_64'] });
  expect(targets.map(shown)).toEqual(['a: php/8.4, provided.al2 x86_64', 'a: php/8.4, provided.al2 arm64']);
  expect((await planned({ arch: ['x86_64'] })).map(shown)).toEqual(['a: php/8.4, provided x86_64']);
});

test('--with adds extensions to a recipe, and their names to the names of its files', async () => {
  const [target] = await planned({ names: ['php/8.4'], with: ['redis, intl', 'mbstring,'] });
  if (target === undefined) throw new Error('no layer');
  expect(shown(target)).toBe('php-intl-mbstring-redis: php/8.4 intl/8.4 redis/6, provided.al2023 x86_64');
  const name = layerFileName({ ...target.layer, name: 'shop' }, PLATFORM);
  expect(name).toBe(`shop-8.4.0-${PLATFORM.name}-${PLATFORM.architecture}`);
});

test('--with is refused for a layer of layersmith.yaml, which has extensions of its own', async () => {
  await define('layers: { shop: { base: php } }');
  const { message, hint } = await failure(planned({ with: ['redis'] }), UsageError);
  expect(message).toContain('--with');
  expect(hint).toContain('`extensions` of shop');
});

test.each([
  ['shpo', /neither a layer nor a recipe shpo\. Did you mean shop\?/],
  ['php/8.5', /there is no recipe php\/8\.5\. Did you mean php\/8\.2 or php\/8\.4/],
  ['redis', /redis\/6 is an extension of php/],
])('an unknown name is a usage error, with the nearest names: %s', async (name, message) => {
  await define('layers: { shop: { base: php }, blog: { base: php } }');
  expect((await failure(planned({ names: [name] }), UsageError)).message).toMatch(message);
});

test('the problems of all layers are told at once, each at its place', async () => {
  await define(
    'layers:',
    '  shop:',
    '    base: php/8.4',
    '    extensions: [intll, xdebug]',
    '    platforms: [provided.al2022]',
    '    files:',
    '      etc/ca.pem: certs/ca.pem',
    '      etc/folder: php',
    '  blog: { base: php/8.5 }',
    '  lib: { base: zlib }',
    '  ext: { base: redis }',
    '  lua: { base: lua, mode: web, ini: { memory_limit: 1G } }',
    '  fine: { base: php/8.2, extensions: [xdebug] }',
  );
  const found = await problems();
  const missing = join(folder.path, 'certs', 'ca.pem');
  expect(found).toEqual([
    expect.stringMatching(/^4:18 there is no extension intll\. Did you mean intl\?/),
    expect.stringMatching(/^4:25 no line of xdebug supports php\/8\.4/),
    expect.stringMatching(/^5:17 shop: there is no platform provided\.al2022\. Did you mean provided\.al2/),
    `7:19 shop: what becomes etc/ca.pem is missing: ${missing}`,
    `8:19 shop: what becomes etc/folder is not a file: ${join(folder.path, 'php')}`,
    expect.stringMatching(/^9:17 there is no recipe php\/8\.5\./),
    expect.stringMatching(/^10:16 zlib\/1\.3 is a library/),
    expect.stringMatching(/^11:16 redis\/6 is an extension of php/),
    '12:27 lua: Lua has no mode web',
    '12:37 lua: Lua has no settings',
  ]);
});

test('a mistake in a layer that is not named does not matter', async () => {
  await define('layers: { good: { base: php }, bad: { base: php/9 } }');
  expect((await planned({ names: ['good'] })).map(shown)).toEqual(['good: php/8.4, provided.al2023 x86_64']);
});

test('a problem of a recipe that two layers use is told once', async () => {
  await define('layers: { a: { base: php, extensions: [redis] }, b: { base: php, extensions: [redis] } }');
  await folder.write({ 'redis/6.yaml': 'version: 6\nsources: {}\n' });
  const error = await failure(planned(), RecipeError);
  expect(error.problems.map(({ file }) => file)).toEqual([join(folder.path, 'redis/6.yaml')]);
});

test('a layer is planned again from its manifest: the same lines and settings, without its own files', async () => {
  const library = await openRecipeLibrary([folder.path]);
  const layer = await layerOfManifest(
    { recipe: 'php/8.2', extensions: ['intl/8.2', 'redis/6'], mode: 'web', ini: { memory_limit: '1G' } },
    library,
  );
  expect(layer.plan.extensions.map(({ recipe }) => recipe.name)).toEqual(['intl/8.2', 'redis/6']);
  expect(layer.settings).toEqual({ mode: 'web', ini: { memory_limit: '1G' }, files: new Map() });
});

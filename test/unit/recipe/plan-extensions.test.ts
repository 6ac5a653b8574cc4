import { describe, expect, test } from 'vitest';
import { RecipeError, UsageError } from '../../../src/core/errors.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { layerStages, planFor, type Plan } from '../../../src/recipe/plan.js';
import type { Start } from '../../../src/recipe/recipe-schema.js';
import type { Position } from '../../../src/recipe/recipe.js';
import { failure } from '../../support/failure.js';
import {
  extensionYaml,
  interpreterYaml,
  lineYaml,
  packageYaml,
  planIn,
  recipeFolder,
  releasesYaml,
} from '../../support/recipe-files.js';

/** Recipes of an interpreter with two lines, libraries and extensions: redis needs igbinary, intl and ffi are bundled. */
function folderOfExtensions(more: Readonly<Record<string, string>> = {}) {
  return recipeFolder(
    { 'php/8.4': ['zlib'], 'php/7.4': ['zlib'], 'zlib/1.3': [], 'icu/76': [], 'icu/67': [] },
    {
      'php/package.yaml': interpreterYaml('8.4', ['mbstring']),
      'php/extension.sh': 'build_extension() { :; }\n',
      'php/7.4.yaml': `${lineYaml('7.4.33', ['zlib'])}lines: { icu: '67' }\n`,
      'php/8.4.yaml': lineYaml('8.4.24', ['zlib']),
      'igbinary/package.yaml': extensionYaml(['order: 20']),
      'igbinary/build.sh': 'build_extension\n',
      'igbinary/3.yaml': lineYaml('3.2.16'),
      'redis/package.yaml': extensionYaml(['order: 30']),
      'redis/build.sh': 'build_extension\n',
      'redis/5.yaml': `${lineYaml('5.3.7', ['igbinary'])}supports: { from: '7.0', before: '8.0' }\n`,
      'redis/6.yaml': `${lineYaml('6.2.0', ['igbinary', 'zlib'])}supports: { from: '7.4', before: '8.5' }\n`,
      'xdebug/package.yaml': extensionYaml(['zend: true', 'order: 80', 'conflicts: [pcov]']),
      'xdebug/build.sh': 'build_extension\n',
      'xdebug/3.yaml': `${lineYaml('3.2.0')}supports: { from: '8.0', before: '8.3' }\n`,
      'xdebug/2.yaml': `${lineYaml('2.9.8')}supports: { from: '7.1', before: '8.0' }\n`,
      'pcov/package.yaml': extensionYaml(),
      'pcov/build.sh': 'build_extension\n',
      'pcov/1.yaml': lineYaml('1.0.12'),
      'intl/package.yaml': extensionYaml(['bundled: true', 'needs: [icu]']),
      'intl/build.sh': 'build_extension --enable-intl\n',
      'ffi/package.yaml': extensionYaml(['bundled: true', "supports: { from: '7.4' }"]),
      'ffi/build.sh': 'build_extension --with-ffi\n',
      ...more,
    },
  );
}

test('the stages of extensions come after the interpreter, each after its needs, and what is shared comes once', async () => {
  await using folder = await folderOfExtensions();
  const plan = await planIn(folder.path, 'php/8.4', ['redis', 'intl']);
  expect(plan.stages.map(({ recipe }) => recipe.name)).toEqual([
    'zlib/1.3',
    'php/8.4',
    'igbinary/3',
    'icu/76',
    'intl/8.4',
    'redis/6',
  ]);
  const redis = plan.extensions.find(({ recipe }) => recipe.package === 'redis');
  expect(redis?.needs.map(({ recipe }) => recipe.name)).toEqual(['php/8.4', 'igbinary/3', 'zlib/1.3']);
});

test('extensions are loaded by their order and name, with those that they need, whatever the order of the choice', async () => {
  await using folder = await folderOfExtensions();
  const names = async (...chosen: readonly string[]): Promise<readonly string[]> =>
    layerStages(await planIn(folder.path, 'php/8.4', chosen)).map(({ recipe }) => recipe.name);
  expect(await names('redis', 'pcov', 'intl')).toEqual([
    'php/8.4',
    'igbinary/3',
    'intl/8.4',
    'pcov/1',
    'redis/6',
  ]);
  expect(await names('intl', 'redis', 'pcov')).toEqual(await names('redis', 'pcov', 'intl'));
  const stages = async (...chosen: readonly string[]): Promise<readonly string[]> =>
    (await planIn(folder.path, 'php/8.4', chosen)).stages.map(({ recipe }) => recipe.name);
  expect(await stages('redis', 'pcov', 'intl')).toEqual(await stages('intl', 'redis', 'pcov'));
});

test("a bundled extension has its interpreter's version and sources, and the line of a library that goes with it", async () => {
  await using folder = await folderOfExtensions();
  const plan = await planIn(folder.path, 'php/7.4', ['intl']);
  const [intl] = plan.extensions;
  expect(intl?.recipe).toMatchObject({
    name: 'intl/7.4',
    version: '7.4.33',
    sources: plan.root.recipe.sources,
  });
  expect(intl?.needs.map(({ recipe }) => recipe.name)).toEqual(['php/7.4', 'icu/67']);
});

test("the interpreter's protocol goes into the builds of extensions, and not into its own", async () => {
  await using folder = await folderOfExtensions();
  const plan = await planIn(folder.path, 'php/8.4', ['pcov']);
  expect(plan.extensions[0]?.recipe.buildFiles.get('extension.sh')).toBe(`${folder.path}/php/extension.sh`);
  expect([...plan.root.recipe.buildFiles.keys()]).toEqual(['build.sh']);
});

/** With an extension that every layer has. */
const PART = {
  'php/package.yaml': interpreterYaml('8.4', ['mbstring']).replace('php, files', 'php, parts: [main], files'),
  'php/program.sh': 'link_program() { :; }\n',
  'main/package.yaml': extensionYaml(['bundled: true', 'module: false', 'files: [bin/php]']),
  'main/build.sh': 'link_program\n',
};

test('a part of the interpreter is in every layer, and is not chosen', async () => {
  await using folder = await folderOfExtensions(PART);
  const names = async (...chosen: string[]): Promise<readonly string[]> =>
    (await planIn(folder.path, 'php/8.4', chosen)).extensions.map(({ recipe }) => recipe.name);
  expect(await names()).toEqual(['main/8.4']);
  expect(await names('main')).toEqual(['main/8.4']);
  expect(await names('pcov')).toEqual(['main/8.4', 'pcov/1']);
});

test('a part that is no module is made as programs are', async () => {
  await using folder = await folderOfExtensions(PART);
  const [part] = (await planIn(folder.path, 'php/8.4', [])).extensions;
  expect(part?.recipe.extension).toMatchObject({ directive: undefined, files: ['bin/php'] });
  expect([...(part?.recipe.buildFiles.keys() ?? [])].sort()).toEqual(['build.sh', 'program.sh']);
});

test('a part has the files of its own line of the interpreter, and none of other lines', async () => {
  await using folder = await folderOfExtensions({
    ...PART,
    'main/8.4/order': 'a\n',
    'main/7.4/order': 'b\n',
    'main/src/7.c': '\n',
  });
  const filesFor = async (line: string): Promise<readonly string[]> => {
    const [part] = (await planIn(folder.path, `php/${line}`)).extensions;
    return [...(part?.recipe.buildFiles.keys() ?? [])].sort();
  };
  expect(await filesFor('8.4')).toEqual(['8.4/order', 'build.sh', 'program.sh', 'src/7.c']);
  expect(await filesFor('7.4')).toEqual(['7.4/order', 'build.sh', 'program.sh', 'src/7.c']);
});

describe('a way to start', () => {
  const STARTS = {
    ...PART,
    'main/package.yaml': extensionYaml([
      'bundled: true',
      'module: false',
      'files: [bin/php]',
      'starts: [hardened, fastest]',
    ]),
  };
  const planStarted = async (folder: string, start: Start, position?: Position): Promise<Plan> =>
    planFor({ package: 'php', line: '8.4' }, await openRecipeLibrary([folder]), [], { start, position });

  test('is an option of the part that makes the program', async () => {
    await using folder = await folderOfExtensions(STARTS);
    const plan = await planStarted(folder.path, 'fastest');
    expect(plan.start).toBe('fastest');
    expect(plan.extensions.map(({ recipe }) => recipe.options)).toEqual([{ START: 'fastest' }]);
    expect(plan.root.recipe.options).toEqual({});
  });

  test('changes nothing if it is the default', async () => {
    await using folder = await folderOfExtensions(STARTS);
    const plan = await planStarted(folder.path, 'hardened');
    expect(plan).toEqual(await planIn(folder.path, 'php/8.4'));
    expect(plan.start).toBeUndefined();
  });

  test('is refused for an interpreter that has only one', async () => {
    await using folder = await folderOfExtensions(PART);
    const message = 'php/8.4 cannot be built to start `fastest`';
    const position = { file: 'layersmith.yaml', line: 4, column: 12 };
    const { problems } = await failure(planStarted(folder.path, 'fastest', position), RecipeError);
    expect(problems).toEqual([{ ...position, message }]);
    expect((await failure(planStarted(folder.path, 'fastest'), UsageError)).message).toBe(message);
    await planStarted(folder.path, 'hardened');
  });
});

test('an extension without a line is the newest one that supports the version of the interpreter', async () => {
  await using folder = await folderOfExtensions();
  const lineOf = async (base: string, extension: string): Promise<string | undefined> =>
    (await planIn(folder.path, base, [extension])).extensions.at(-1)?.recipe.name;
  expect(await lineOf('php/8.4', 'redis')).toBe('redis/6');
  expect(await lineOf('php/7.4', 'redis')).toBe('redis/6');
  expect(await lineOf('php/7.4', 'redis/5')).toBe('redis/5');
  expect(await lineOf('php/7.4', 'xdebug')).toBe('xdebug/2');
});

test('an extension has the name that the interpreter knows it by, also with an underscore', async () => {
  await using folder = await folderOfExtensions({
    'pdo_pgsql/package.yaml': extensionYaml(['bundled: true', 'needs: [icu]']),
    'pdo_pgsql/build.sh': 'build_extension --with-pdo-pgsql\n',
  });
  const { extensions } = await planIn(folder.path, 'php/8.4', ['pdo_pgsql']);
  expect(extensions.map(({ recipe }) => recipe.name)).toEqual(['pdo_pgsql/8.4']);
});

test('a line that is chosen is also that of extensions which need the package, whatever the order of the choice', async () => {
  await using folder = await folderOfExtensions({ 'igbinary/2.yaml': lineYaml('2.0.8') });
  for (const chosen of [
    ['redis', 'igbinary/2'],
    ['igbinary/2', 'redis'],
  ]) {
    const { extensions } = await planIn(folder.path, 'php/8.4', chosen);
    expect(extensions.map(({ recipe }) => recipe.name)).toEqual(['igbinary/2', 'redis/6']);
  }
});

test('what is compiled into the interpreter is there already', async () => {
  await using folder = await folderOfExtensions();
  expect((await planIn(folder.path, 'php/8.4', ['mbstring'])).extensions).toEqual([]);
});

test.each([
  ['an unknown one, with the nearest name', ['redsi'], /^there is no extension redsi\..*redis/],
  [
    'one that no line of supports the interpreter',
    ['xdebug'],
    /^no line of xdebug supports php\/8\.4 8\.4\.24: xdebug\/3 is for php from 8\.0 to before 8\.3, xdebug\/2/,
  ],
  [
    'a line that does not support it',
    ['redis/5'],
    /^redis\/5 does not support php\/8\.4 8\.4\.24: it is for php from 7\.0 to before 8\.0$/,
  ],
  ['one that is chosen twice', ['pcov', 'pcov'], /^pcov is chosen twice$/],
  ['a library', ['icu'], /^icu\/76 is not an extension, but a library$/],
  ['several problems at once', ['redsi', 'icu'], /no extension redsi.*; icu\/76 is not/],
])('a choice on the command line that cannot be made is a usage error: %s', async (_, chosen, message) => {
  await using folder = await folderOfExtensions();
  const { message: text } = await failure(planIn(folder.path, 'php/8.4', chosen), UsageError);
  expect(text).toMatch(message);
});

test('choices in a file are reported there, all at once', async () => {
  await using folder = await folderOfExtensions();
  const at = (name: string, line: number) => ({
    package: name,
    line: undefined,
    position: { file: 'layersmith.yaml', line, column: 7 },
  });
  const planning = planFor({ package: 'php', line: '7.4' }, await openRecipeLibrary([folder.path]), [
    at('intll', 4),
    at('xdebug', 5),
    at('pcov', 6),
  ]);
  const { problems } = await failure(planning, RecipeError);
  expect(problems.map(({ file, line, message }) => `${file}:${line} ${message}`)).toEqual([
    expect.stringMatching(/^layersmith\.yaml:4 there is no extension intll\..*intl/),
    'layersmith.yaml:5 xdebug and pcov cannot be in the same layer',
  ]);
});

test('an extension that would be loaded before one that it needs is a problem of its recipe', async () => {
  await using folder = await folderOfExtensions({ 'redis/package.yaml': extensionYaml(['order: 20']) });
  const { problems } = await failure(planIn(folder.path, 'php/8.4', ['redis']), RecipeError);
  expect(problems.map(({ message }) => message)).toEqual([
    'redis would be loaded before igbinary, which it needs: give it a higher `order`',
  ]);
});

test.each(['redis', 'redis/6', 'intl'])('no layer is made from an extension alone: %s', async (name) => {
  await using folder = await folderOfExtensions();
  const { message, hint } = await failure(planIn(folder.path, name), UsageError);
  expect(message).toContain('is an extension');
  expect(hint).toContain(`--with ${name.split('/')[0] ?? ''}`);
});

test.each([
  [
    'without smoke tests',
    `kind: extension\nsummary: x\nlicense: MIT\nextension: { of: php }\n`,
    /requires `smoke`/,
  ],
  ['with a default line', `${extensionYaml()}default: '1'\n`, /newest line that supports/],
  ['with needs, if it is not bundled', extensionYaml(['needs: [zlib]']), /belong in the files of its lines/],
  [
    'with a setting that PHP would replace',
    extensionYaml(["ini: { pcov.directory: '${HOME}' }"]),
    /a setting has no/,
  ],
])('package.yaml of an extension %s is refused', async (_, text, message) => {
  await using folder = await folderOfExtensions({ 'pcov/package.yaml': text });
  const { problems } = await failure(planIn(folder.path, 'php/8.4', ['pcov']), RecipeError);
  expect(problems.map((problem) => problem.message).join('\n')).toMatch(message);
});

/** An interpreter with a variant: php needs zlib, openssl and curl, and has curl and mbstring compiled in. */
function folderOfVariants() {
  return recipeFolder(
    { 'php/8.4': [], 'zlib/1.3': [], 'curl/7': [], 'curl/8': [] },
    {
      'curl/package.yaml': packageYaml('8'),
      'php/package.yaml': `${interpreterYaml('8.4', ['mbstring', 'curl'])}variants:
  minimal:
    summary: less
    options: { EXTENSIONS: minimal }
    without: { needs: [curl], extensions: [curl] }
    smoke: { programs: [{ name: less, run: [/opt/bin/php, -m] }] }
`,
      'php/8.4.yaml': `${releasesYaml([{ version: '8.4.27' }, { version: '8.4.24' }], ['zlib', 'curl/7'])}options: { A: b }
`,
      'client/package.yaml': extensionYaml(['requires: [curl]']),
      'client/build.sh': 'build_extension\n',
      'client/1.yaml': lineYaml('1.0'),
      'http/package.yaml': extensionYaml(),
      'http/build.sh': 'build_extension\n',
      'http/1.yaml': lineYaml('1.0', ['curl']),
    },
  );
}

test('a variant of a line is the line with other options and smoke tests, without some needs and extensions', async () => {
  await using folder = await folderOfVariants();
  const { root, stages } = await planIn(folder.path, 'php/8.4-minimal');
  expect(stages.map(({ recipe }) => recipe.name)).toEqual(['zlib/1.3', 'php/8.4-minimal']);
  expect(root.recipe).toMatchObject({
    summary: 'less',
    version: '8.4.27',
    line: '8.4',
    variant: 'minimal',
    options: { A: 'b', EXTENSIONS: 'minimal' },
    layer: { extensions: ['mbstring'] },
    smoke: { programs: [{ name: 'less' }] },
  });
  const { root: exact } = await planIn(folder.path, 'php/8.4.24-minimal');
  expect(exact.recipe).toMatchObject({ name: 'php/8.4-minimal', version: '8.4.24' });
});

test('an extension of a variant gets the line of a library that its line of the interpreter would bring', async () => {
  await using folder = await folderOfVariants();
  const { stages } = await planIn(folder.path, 'php/8.4-minimal', ['http']);
  expect(stages.map(({ recipe }) => recipe.name)).toContain('curl/7');
});

test('an extension that requires another which the interpreter lacks is refused', async () => {
  await using folder = await folderOfVariants();
  expect((await planIn(folder.path, 'php/8.4', ['client'])).extensions).toHaveLength(1);
  const error = await failure(planIn(folder.path, 'php/8.4-minimal', ['client']), UsageError);
  expect(error.message).toBe('client requires curl, which php/8.4-minimal does not have');
});

test('an unknown variant is an unknown recipe', async () => {
  await using folder = await folderOfVariants();
  const error = await failure(planIn(folder.path, 'php/8.4-small'), UsageError);
  expect(error.message).toContain('php/8.4-small');
});

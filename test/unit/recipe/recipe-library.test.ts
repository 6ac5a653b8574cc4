import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.js';
import { openRecipeLibrary, parseRecipeName } from '../../../src/recipe/recipe-library.js';
import { asNobody } from '../../support/as-nobody.js';
import { failure } from '../../support/failure.js';
import { lineYaml, loadRecipe, packageYaml, recipeFolder } from '../../support/recipe-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a name is a package, or a package and its line', () => {
  expect(parseRecipeName('php')).toEqual({ package: 'php', line: undefined });
  expect(parseRecipeName('php/8.4')).toEqual({ package: 'php', line: '8.4' });
  expect(parseRecipeName('php/8/4')).toEqual({ package: 'php', line: '8/4' });
});

test('names are sorted by package, then by version, not by letter', async () => {
  await using folder = await recipeFolder({
    'zlib/1.3': [],
    'php/8.10': [],
    'php/8.2': [],
    'php/7.3': [],
    'php/7.3.0': [],
    'openssl/1.0.1k': [],
    'openssl/1.0.1': [],
  });
  const library = await openRecipeLibrary([folder.path]);
  expect(library.names()).toEqual([
    'openssl/1.0.1',
    'openssl/1.0.1k',
    'php/7.3',
    'php/7.3.0',
    'php/8.2',
    'php/8.10',
    'zlib/1.3',
  ]);
});

test('a package without a line is its default line', async () => {
  await using folder = await recipeFolder({ 'php/8.2': [], 'php/8.4': [] });
  const library = await openRecipeLibrary([folder.path]);
  expect((await loadRecipe(library, 'php')).name).toBe('php/8.2');
});

test('a recipe is the content of its two files', async () => {
  await using folder = await recipeFolder({ 'php/8.2': ['zlib/1.3', 'curl'] });
  const recipe = await loadRecipe(await openRecipeLibrary([folder.path]), 'php/8.2');
  const path = join(folder.path, 'php/8.2.yaml');
  expect(recipe).toMatchObject({
    package: 'php',
    line: '8.2',
    kind: 'library',
    version: '8.2.0',
    license: 'MIT',
    endOfLife: undefined,
    layer: undefined,
    path,
    needs: [
      { package: 'zlib', line: '1.3', position: { file: path, line: 2, column: 9 } },
      { package: 'curl', line: undefined, position: { file: path, line: 2, column: 19 } },
    ],
  });
});

test('a line can have other files in its layer and other smoke tests than its package', async () => {
  const packageFile = `kind: interpreter
summary: s
license: MIT
default: '1'
layer: { interpreter: lua, files: [bin/lua, lib/module.so] }
smoke:
  programs: [{ name: it runs, run: [/opt/bin/lua] }, { name: module, run: [/opt/bin/lua, -lmodule] }]
  invocations: [{ name: hello, handler: hello, event: {}, result: hello }]
`;
  await using folder = await recipeFolder(
    { 'lua/1': [], 'lua/2': [] },
    {
      'lua/package.yaml': packageFile,
      'lua/2.yaml': `${lineYaml('2')}layer: { files: [bin/lua] }\nsmoke: { programs: [{ name: it runs, run: [/opt/bin/lua] }] }\n`,
    },
  );
  const library = await openRecipeLibrary([folder.path]);
  const one = await loadRecipe(library, 'lua/1');
  expect(one.layer?.files).toEqual(['bin/lua', 'lib/module.so']);
  expect(one.smoke?.programs.map(({ name }) => name)).toEqual(['it runs', 'module']);
  const two = await loadRecipe(library, 'lua/2');
  expect(two.layer).toMatchObject({ interpreter: 'lua', files: ['bin/lua'] });
  expect(two.smoke?.programs.map(({ name }) => name)).toEqual(['it runs']);
  expect(two.smoke?.invocations.map(({ name }) => name)).toEqual(['hello']);
});

test('a license may have its old spelling, `licence`, in either file', async () => {
  const old = packageYaml('8.2').replace('license:', 'licence:');
  const line = `${lineYaml('8.2.0')}licence: BSD-3-Clause\n`;
  await using folder = await recipeFolder(
    { 'php/8.2': [], 'zlib/1.3': [] },
    { 'php/package.yaml': old, 'php/8.4.yaml': lineYaml('8.4.0'), 'php/8.2.yaml': line },
  );
  const library = await openRecipeLibrary([folder.path]);
  expect((await loadRecipe(library, 'php/8.4')).license).toBe('MIT');
  expect((await loadRecipe(library, 'php/8.2')).license).toBe('BSD-3-Clause');
});

const BUNDLES = `bundles:
  pcre2: { license: BSD-3-Clause, cpe: pcre:pcre2, from: [a.h], pattern: 'MAJOR (\\d+)' }
  boost.context: { license: BSL-1.0, homepage: 'https://layersmith.invalid/', from: [b.S, c.S] }
  libgd: { license: GD, from: [d.h] }
`;

test('a line names what it bundles with versions, and its package describes it', async () => {
  await using folder = await recipeFolder(
    { 'php/8.4': [], 'php/8.5': [] },
    {
      'php/package.yaml': `${packageYaml('8.4')}${BUNDLES}`,
      'php/8.4.yaml': `${lineYaml('8.4.0')}bundles: { boost.context: unknown, pcre2: '10.44' }\n`,
    },
  );
  const library = await openRecipeLibrary([folder.path]);
  expect((await loadRecipe(library, 'php/8.4')).bundles).toEqual([
    {
      ...{ name: 'boost.context', version: undefined, license: 'BSL-1.0', cpe: undefined },
      ...{ homepage: 'https://layersmith.invalid/', from: ['b.S', 'c.S'], pattern: undefined },
    },
    {
      ...{ name: 'pcre2', version: '10.44', license: 'BSD-3-Clause', cpe: 'pcre:pcre2' },
      ...{ homepage: undefined, from: ['a.h'], pattern: 'MAJOR (\\d+)' },
    },
  ]);
  expect((await loadRecipe(library, 'php/8.5')).bundles).toEqual([]);
});

describe('folders that overlay each other', () => {
  test('the first one that has a file wins, file by file', async () => {
    await using below = await recipeFolder({ 'php/8.2': [], 'php/8.4': [], 'zlib/1.3': [] });
    await using above = await temporaryFolder();
    await above.write({ 'php/8.4.yaml': lineYaml('8.4.99'), 'php/8.5.yaml': lineYaml('8.5.0') });
    const library = await openRecipeLibrary([above.path, below.path]);
    expect(library.names()).toEqual(['php/8.2', 'php/8.4', 'php/8.5', 'zlib/1.3']);
    expect(library.protocolPath).toBe(join(below.path, 'stage.sh'));
    const recipe = await loadRecipe(library, 'php/8.4');
    expect(recipe.version).toBe('8.4.99');
    expect(recipe.path).toBe(join(above.path, 'php/8.4.yaml'));
    expect(recipe.buildFiles.get('build.sh')).toBe(join(below.path, 'php/build.sh'));
    expect((await loadRecipe(library, 'php/8.2')).path).toBe(join(below.path, 'php/8.2.yaml'));
  });

  test('a build script, a default line and the protocol can be replaced alone', async () => {
    await using below = await recipeFolder({ 'php/8.2': [], 'php/8.4': [] });
    await using above = await temporaryFolder();
    await above.write({
      'php/package.yaml': packageYaml('8.4'),
      'php/build.sh': 'true\n',
      'stage.sh': 'true\n',
    });
    const library = await openRecipeLibrary([above.path, below.path]);
    const recipe = await loadRecipe(library, 'php');
    expect(recipe.name).toBe('php/8.4');
    expect(recipe.buildFiles.get('build.sh')).toBe(join(above.path, 'php/build.sh'));
    expect(library.protocolPath).toBe(join(above.path, 'stage.sh'));
  });
});

describe('the files beside a recipe', () => {
  test('are told apart: for the build, for smoke tests, for the layer', async () => {
    const files = { 'php/helper.c': '', 'php/smoke/src/hello.php': '', 'php/layer/etc/php/php.ini': '' };
    await using folder = await recipeFolder({ 'php/8.4': [] }, files);
    const recipe = await loadRecipe(await openRecipeLibrary([folder.path]), 'php/8.4');
    const at = (name: string): string => join(folder.path, 'php', name);
    expect([...recipe.buildFiles]).toEqual([
      ['build.sh', at('build.sh')],
      ['helper.c', at('helper.c')],
    ]);
    expect([...recipe.smokeFiles]).toEqual([['src/hello.php', at('smoke/src/hello.php')]]);
    expect([...recipe.layerFiles]).toEqual([['etc/php/php.ini', at('layer/etc/php/php.ini')]]);
  });

  test('of a line come before its package’s, and only for that line', async () => {
    const files = {
      'php/layer/etc/php/php.ini': '',
      'php/8.5/layer/etc/php/php.ini': '',
      'php/smoke/a.php': '',
      'php/8.5/smoke/b.php': '',
    };
    await using folder = await recipeFolder({ 'php/8.4': [], 'php/8.5': [] }, files);
    const library = await openRecipeLibrary([folder.path]);
    const at = (path: string): string => join(folder.path, 'php', path);
    const old = await loadRecipe(library, 'php/8.4');
    expect([...old.layerFiles]).toEqual([['etc/php/php.ini', at('layer/etc/php/php.ini')]]);
    expect([...old.smokeFiles]).toEqual([['a.php', at('smoke/a.php')]]);
    const line = await loadRecipe(library, 'php/8.5');
    expect([...line.layerFiles]).toEqual([['etc/php/php.ini', at('8.5/layer/etc/php/php.ini')]]);
    expect([...line.smokeFiles]).toEqual([
      ['a.php', at('smoke/a.php')],
      ['b.php', at('8.5/smoke/b.php')],
    ]);
    // Of either line, a build sees none of them.
    for (const { buildFiles } of [old, line]) expect([...buildFiles.keys()]).toEqual(['build.sh']);
  });

  test('patches belong to the version that their name starts with, and to no other', async () => {
    await using folder = await recipeFolder(
      { 'php/8.4': [], 'php/8.4.0': [] },
      { 'php/patches/8.4.0-fix.patch': '', 'php/patches/8.4.0.0-fix.patch': '' },
    );
    const library = await openRecipeLibrary([folder.path]);
    expect([...(await loadRecipe(library, 'php/8.4')).buildFiles.keys()]).toEqual([
      'build.sh',
      'patches/8.4.0-fix.patch',
    ]);
    expect([...(await loadRecipe(library, 'php/8.4.0')).buildFiles.keys()]).toEqual([
      'build.sh',
      'patches/8.4.0.0-fix.patch',
    ]);
  });
});

describe('a name that is not known', () => {
  test.each([
    ['php/8.3', 'php/8.3. Did you mean php/8.2 or php/8.4?'],
    ['phq', 'there is no recipe phq.'],
    ['phq/8.4', 'phq/8.4. Did you mean php/8.4'],
    ['zlib/1.4', 'zlib/1.4. Did you mean zlib/1.3?'],
    ['php/package', 'there is no recipe php/package.'],
    ['php/', 'there is no recipe php/.'],
    ['', 'there is no recipe .'],
  ])('%s is a usage error with the nearest names', async (name, message) => {
    await using folder = await recipeFolder({ 'php/8.2': [], 'php/8.4': [], 'zlib/1.3': [] });
    const library = await openRecipeLibrary([folder.path]);
    const error = await failure(library.load(parseRecipeName(name)), UsageError);
    expect(error.message).toContain(message);
    expect(error.hint).toContain('layersmith recipes');
  });
});

describe('what is wrong with a recipe', () => {
  test('is reported for both of its files at once', async () => {
    await using folder = await recipeFolder(
      { 'php/8.4': [] },
      {
        'php/8.4.yaml': 'version: 8.4\nsources: {}\n',
        'php/package.yaml': `${packageYaml('8.4')}licens: MIT\n`,
      },
    );
    const result = await (await openRecipeLibrary([folder.path])).load(parseRecipeName('php/8.4'));
    expect(result).toEqual({
      problems: [
        {
          file: join(folder.path, 'php/package.yaml'),
          line: 6,
          column: 1,
          message: expect.stringMatching(/`licens` .* license\?$/) as string,
        },
        {
          file: join(folder.path, 'php/8.4.yaml'),
          line: 1,
          column: 10,
          message: expect.stringContaining('`version`: quote') as string,
        },
      ],
    });
  });

  test('includes a license that is missing or spelled in both ways', async () => {
    const lines = packageYaml('8.4')
      .split('\n')
      .filter((line) => !line.startsWith('license:'));
    const problemsWith = async (...more: readonly string[]): Promise<readonly string[]> => {
      const yaml = [...lines.filter((line) => line !== ''), ...more].join('\n');
      await using folder = await recipeFolder({ 'php/8.4': [] }, { 'php/package.yaml': yaml });
      const result = await (await openRecipeLibrary([folder.path])).load(parseRecipeName('php/8.4'));
      return 'problems' in result ? result.problems.map(({ line, message }) => `${line}: ${message}`) : [];
    };
    expect(await problemsWith('wrong: 1')).toEqual([
      expect.stringContaining('`license` is missing') as string,
      expect.stringContaining('unknown key `wrong`') as string,
    ]);
    expect(await problemsWith('license: MIT', 'licence: MIT')).toEqual([
      expect.stringMatching(/^6: .*the old spelling of `license`/) as string,
    ]);
  });

  test('includes each package that is needed twice', async () => {
    await using folder = await recipeFolder({ 'php/8.4': ['zlib', 'curl', 'zlib/1.3', 'curl'] });
    const result = await (await openRecipeLibrary([folder.path])).load(parseRecipeName('php/8.4'));
    const file = join(folder.path, 'php/8.4.yaml');
    expect(result).toEqual({
      problems: [
        { file, line: 2, column: 21, message: 'zlib is needed twice' },
        { file, line: 2, column: 31, message: 'curl is needed twice' },
      ],
    });
  });

  test('includes bundles that the package does not describe, or that are sources', async () => {
    const line = `${lineYaml('8.4.0')}bundles:\n  pcre: '10.44'\n  constructor: unknown\n  main: unknown\n`;
    const described = `${BUNDLES}  main: { license: MIT, from: [e.h] }\n`;
    await using folder = await recipeFolder(
      { 'php/8.4': [] },
      { 'php/package.yaml': `${packageYaml('8.4')}${described}`, 'php/8.4.yaml': line },
    );
    const result = await (await openRecipeLibrary([folder.path])).load(parseRecipeName('php/8.4'));
    const file = join(folder.path, 'php/8.4.yaml');
    expect(result).toEqual({
      problems: [
        {
          ...{ file, line: 9, column: 9 },
          message: expect.stringMatching(
            /^package\.yaml does not describe the bundle pcre\. .*pcre2/,
          ) as string,
        },
        {
          ...{ file, line: 10, column: 16 },
          message: 'package.yaml does not describe the bundle constructor.',
        },
        { file, line: 11, column: 9, message: 'main is a source and a bundle' },
      ],
    });
  });

  test('a missing build.sh is reported at a position that an editor can open', async () => {
    await using folder = await temporaryFolder();
    await folder.write({
      'stage.sh': '',
      'php/package.yaml': packageYaml('8.4'),
      'php/8.4.yaml': lineYaml('8.4.0'),
    });
    const result = await (await openRecipeLibrary([folder.path])).load(parseRecipeName('php'));
    expect(result).toEqual({
      problems: [
        {
          file: join(folder.path, 'php/8.4.yaml'),
          line: 1,
          column: 1,
          message: 'build.sh is missing in its folder',
        },
      ],
    });
  });

  test("a missing package.yaml is reported at the line's file", async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'stage.sh': '', 'php/build.sh': '', 'php/8.4.yaml': lineYaml('8.4.0') });
    const result = await (await openRecipeLibrary([folder.path])).load(parseRecipeName('php/8.4'));
    expect(result).toEqual({
      problems: [
        {
          file: join(folder.path, 'php/8.4.yaml'),
          line: 1,
          column: 1,
          message: 'package.yaml is missing in its folder',
        },
      ],
    });
  });

  test('a default line that does not exist is reported where the package names it', async () => {
    await using folder = await recipeFolder({ 'php/8.4': [] }, { 'php/package.yaml': packageYaml('8.5') });
    const result = await (await openRecipeLibrary([folder.path])).load(parseRecipeName('php'));
    expect(result).toEqual({
      problems: [
        {
          file: join(folder.path, 'php/package.yaml'),
          line: 5,
          column: 10,
          message: expect.stringMatching(/default line php\/8\.5 .* php\/8\.4\?$/) as string,
        },
      ],
    });
  });
});

describe('a folder', () => {
  test('that does not exist is a usage error with its name', async () => {
    const error = await failure(openRecipeLibrary(['/layersmith/no/such/folder']), UsageError);
    expect(error.message).toContain('/layersmith/no/such/folder (ENOENT)');
    expect(error.hint).toContain('--recipes');
  });

  test('without the build protocol is a usage error', async () => {
    await using folder = await temporaryFolder();
    const error = await failure(openRecipeLibrary([folder.path]), UsageError);
    expect(error.message).toContain('no stage.sh');
  });
});

describe('a file that cannot be read is a problem of that file:', () => {
  test.each(['php/package.yaml', 'php/8.2.yaml'])(
    '%s, for its permissions',
    { tags: ['system'] },
    async (file) => {
      await using folder = await recipeFolder({ 'php/8.2': [] });
      await chmod(folder.path, 0o755);
      const path = join(folder.path, file);
      await chmod(path, 0o600);
      const loaded = asNobody(async () =>
        (await openRecipeLibrary([folder.path])).load({ package: 'php', line: '8.2' }),
      );
      expect(await loaded).toEqual({
        problems: [{ file: path, line: 1, column: 1, message: 'cannot read the file (EACCES)' }],
      });
    },
  );

  test('a line that was removed after the folder was listed', async () => {
    await using folder = await recipeFolder({ 'php/8.2': [] });
    const library = await openRecipeLibrary([folder.path]);
    const path = join(folder.path, 'php/8.2.yaml');
    await rm(path);
    expect(await library.load({ package: 'php', line: undefined })).toEqual({
      problems: [{ file: path, line: 1, column: 1, message: 'cannot read the file (ENOENT)' }],
    });
  });
});

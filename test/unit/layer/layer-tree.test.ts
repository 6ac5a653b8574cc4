import { createWriteStream } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { packTree } from '../../../src/tree/pack-tree.js';
import { byPath, fileEntry, openContent, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { assembleLayerTree, type LayerPart } from '../../../src/layer/layer-tree.js';
import { MANIFEST_PATH, readManifest } from '../../../src/layer/manifest.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { failure } from '../../support/failure.js';
import { extensionYaml, lineYaml, loadRecipe, recipeFolder } from '../../support/recipe-files.js';
import { manifestStage, manifestWith } from '../../support/manifest.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const PACKAGE = `kind: interpreter
summary: made up
homepage: https://layersmith.invalid/
license: MIT
default: '1'
layer: { interpreter: lua, files: [bin/lua, lib/modules] }
smoke: {}
`;

const INSTALLED: readonly TreeEntry[] = [
  { type: 'directory', path: 'bin', mode: 0o755 },
  fileEntry('bin/lua', 'elf', 0o755),
  fileEntry('bin/luac', 'not wanted', 0o755),
  fileEntry('include/lua.h', 'not wanted'),
  { type: 'directory', path: 'lib/modules/empty', mode: 0o755 },
  { type: 'symlink', path: 'lib/modules/b.so', target: 'deep/a.so' },
  fileEntry('lib/modules/deep/a.so', 'so', 0o755),
  fileEntry('lib/modules-other', 'not wanted'),
  fileEntry('share/licenses/lua/COPYRIGHT', 'MIT'),
  fileEntry('share/licenses/zlib/LICENSE', 'zlib'),
  fileEntry('share/man/lua.1', 'not wanted'),
];

/** The layer of a made-up interpreter that installed these entries, as lines. */
async function layerOf(
  installed: readonly TreeEntry[],
  files: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  await using recipes = await recipeFolder({ 'lua/1': [] }, { 'lua/package.yaml': PACKAGE, ...files });
  await using folder = await temporaryFolder();
  const artifact = join(folder.path, 'artifact');
  await pipeline(packTree(installed, { owner: 0 }), createWriteStream(artifact));
  await using tree = await assembleLayerTree({
    parts: [{ recipe: await loadRecipe(await openRecipeLibrary([recipes.path]), 'lua/1'), artifact }],
    generated: [fileEntry('bootstrap', '#!/opt/bin/lua\n', 0o755)],
    added: new Map(),
    manifest: manifestWith(),
    tmpDir: folder.path,
  });
  const { entries } = tree;
  expect(entries).toEqual([...entries].sort(byPath));
  const lines: string[] = [];
  for (const entry of entries) {
    if (entry.type === 'symlink') lines.push(`${entry.path} -> ${entry.target}`);
    else if (entry.type === 'directory') lines.push(`${entry.path}/`);
    else if (entry.path === MANIFEST_PATH) {
      expect(await readManifest(entries)).toEqual(manifestWith());
      lines.push(entry.path);
    } else
      lines.push(
        `${entry.path} ${entry.mode.toString(8)} ${(await buffer(openContent(entry))).toString().trim()}`,
      );
  }
  return lines;
}

test('a layer holds what the recipe names, the bootstrap and the licenses, sorted, and nothing else', async () => {
  expect(await layerOf(INSTALLED)).toEqual([
    'bin/',
    'bin/lua 755 elf',
    'bootstrap 755 #!/opt/bin/lua',
    'lib/',
    'lib/modules/',
    'lib/modules/b.so -> deep/a.so',
    'lib/modules/deep/',
    'lib/modules/deep/a.so 755 so',
    'share/',
    'share/layersmith/',
    'share/layersmith/manifest.json',
    'share/licenses/',
    'share/licenses/lua/',
    'share/licenses/lua/COPYRIGHT 644 MIT',
    'share/licenses/zlib/',
    'share/licenses/zlib/LICENSE 644 zlib',
  ]);
});

test("the package's own layer files come in as they are", async () => {
  const lines = await layerOf(INSTALLED, { 'lua/layer/etc/lua/init.conf': 'one=${two}' });
  expect(lines).toContain('etc/lua/');
  expect(lines).toContain('etc/lua/init.conf 644 one=${two}');
});

test('the same layer comes out whatever order the artifact is in', async () => {
  expect(await layerOf([...INSTALLED].reverse())).toEqual(await layerOf(INSTALLED));
});

describe('an artifact that lacks', () => {
  const without = (...paths: string[]): TreeEntry[] =>
    INSTALLED.filter(({ path }) => !paths.some((gone) => path.startsWith(gone)));

  test('what the recipe names is no layer: every such path is told', async () => {
    const error = await failure(layerOf(without('bin/lua', 'lib/modules/')), LayerError);
    expect(error.message).toBe('lua/1 did not install bin/lua, lib/modules');
    expect(error.hint).toContain('layer.files');
  });

  test('licenses is no layer', async () => {
    const error = await failure(layerOf(without('share/licenses')), LayerError);
    expect(error.message).toBe('lua/1 did not install share/licenses');
  });

  test('the license text of what was compiled in is no layer', async () => {
    const error = await failure(layerOf(without('share/licenses/lua/')), LayerError);
    expect(error.message).toBe('the layer has no license text of lua/5.4');
    expect(error.hint).toContain('licence FILE');
  });
});

test('a layer file that would take the place of another is refused', async () => {
  const error = await failure(layerOf(INSTALLED, { 'lua/layer/bootstrap': 'mine' }), LayerError);
  expect(error.message).toBe('the layer has bootstrap twice');
});

test('a file that would be a folder of another is refused', async () => {
  const error = await failure(layerOf(INSTALLED, { 'lua/layer/bin/lua/x': 'mine' }), LayerError);
  expect(error.message).toBe('the layer has bin/lua both as a file and as a folder');
});

/** A layer of the made-up interpreter with two extensions, and with added files; its entries as `path mode content`. */
async function layerWithExtensions(
  added: Readonly<Record<string, string>> = {},
  {
    redis = REDIS_INSTALLED,
    executable = [],
  }: { readonly redis?: readonly TreeEntry[]; readonly executable?: readonly string[] } = {},
): Promise<readonly string[]> {
  await using recipes = await recipeFolder(
    { 'lua/1': [] },
    {
      'lua/package.yaml': PACKAGE,
      'redis/package.yaml': extensionYaml(['order: 30']),
      'redis/build.sh': 'build_extension\n',
      'redis/6.yaml': lineYaml('6.0'),
      'redis/layer/share/redis/readme': 'of redis',
      'igbinary/package.yaml': extensionYaml(['files: [lib/modules-extra/igbinary.so]']),
      'igbinary/build.sh': 'build_extension\n',
      'igbinary/3.yaml': lineYaml('3.0'),
    },
  );
  await using folder = await temporaryFolder();
  const library = await openRecipeLibrary([recipes.path]);
  const part = async (name: string, installed: readonly TreeEntry[]): Promise<LayerPart> => {
    const artifact = join(folder.path, name.replace('/', '-'));
    await pipeline(packTree(installed, { owner: 0 }), createWriteStream(artifact));
    return { recipe: await loadRecipe(library, name), artifact };
  };
  await folder.write(
    Object.fromEntries(Object.entries(added).map(([path, text]) => [`added/${path}`, text])),
  );
  const files = new Map(Object.keys(added).map((path) => [path, join(folder.path, 'added', path)]));
  for (const path of executable) await chmod(files.get(path) ?? '', 0o700);
  await using tree = await assembleLayerTree({
    parts: [
      await part('lua/1', INSTALLED),
      await part('igbinary/3', [
        fileEntry('include/igbinary.h', 'not wanted'),
        fileEntry('lib/modules-extra/igbinary.so', 'so', 0o755),
        fileEntry('share/licenses/igbinary/COPYING', 'BSD'),
        fileEntry('share/licenses/zlib/LICENSE', 'zlib'),
      ]),
      await part('redis/6', redis),
    ],
    generated: [
      fileEntry('bootstrap', '', 0o755),
      fileEntry('etc/conf.d/20-igbinary.ini', ''),
      fileEntry('etc/conf.d/30-redis.ini', ''),
    ],
    added: files,
    manifest: manifestWith({
      stages: ['lua/1', 'igbinary/3', 'redis/6'].map((recipe) => manifestStage({ recipe })),
    }),
    tmpDir: folder.path,
  });
  return await Promise.all(
    tree.entries.flatMap((entry) =>
      entry.type === 'file'
        ? [
            buffer(openContent(entry)).then(
              (text) => `${entry.path} ${entry.mode.toString(8)} ${text.toString()}`,
            ),
          ]
        : [],
    ),
  );
}

const REDIS_INSTALLED: readonly TreeEntry[] = [
  fileEntry('lib/php/extensions/redis.so', 'so', 0o755),
  fileEntry('share/licenses/redis/COPYING', 'PHP'),
  fileEntry('share/licenses/zlib/LICENSE', 'zlib'),
];

test('extensions bring their files and licenses; a license that several have comes once', async () => {
  const lines = await layerWithExtensions();
  expect(lines).toEqual(
    expect.arrayContaining([
      'bin/lua 755 elf',
      'etc/conf.d/20-igbinary.ini 644 ',
      'etc/conf.d/30-redis.ini 644 ',
      'lib/modules-extra/igbinary.so 755 so',
      'lib/php/extensions/redis.so 755 so',
      'share/licenses/igbinary/COPYING 644 BSD',
      'share/licenses/redis/COPYING 644 PHP',
      'share/redis/readme 644 of redis',
    ]),
  );
  expect(lines.filter((line) => line.startsWith('share/licenses/zlib/'))).toEqual([
    'share/licenses/zlib/LICENSE 644 zlib',
  ]);
  expect(lines.join('\n')).not.toContain('not wanted');
});

test('an extension that lacks its file is no layer, and the recipe key is named', async () => {
  const redis = REDIS_INSTALLED.filter(({ path }) => !path.endsWith('.so'));
  const error = await failure(layerWithExtensions({}, { redis }), LayerError);
  expect(error.message).toBe('redis/6 did not install lib/php/extensions/redis.so');
  expect(error.hint).toContain('extension.files');
});

test('an extension without its license text is no layer', async () => {
  const redis = REDIS_INSTALLED.filter(({ path }) => !path.startsWith('share/licenses/redis/'));
  const error = await failure(layerWithExtensions({}, { redis }), LayerError);
  expect(error.message).toBe('the layer has no license text of redis/6');
});

test('added files come in as they are, and stay executable', async () => {
  const lines = await layerWithExtensions(
    { 'etc/app/ca.pem': 'mine', 'bin/tool': '#!/bin/sh' },
    { executable: ['bin/tool'] },
  );
  expect(lines).toEqual(expect.arrayContaining(['etc/app/ca.pem 644 mine', 'bin/tool 755 #!/bin/sh']));
});

test.each([
  'bootstrap',
  'bin/lua',
  'lib/php/extensions/redis.so',
  'etc/conf.d/30-redis.ini',
  'share/redis/readme',
  'share/licenses/redis/COPYING',
  MANIFEST_PATH,
])('an added file that would replace another is refused: %s', async (path) => {
  const error = await failure(layerWithExtensions({ [path]: 'mine' }), LayerError);
  expect(error.message).toBe(`the layer has ${path} twice`);
  expect(error.hint).toContain('`files`');
});

test('an artifact that is not there gives the error of the disk', async () => {
  await using recipes = await recipeFolder({ 'lua/1': [] }, { 'lua/package.yaml': PACKAGE });
  await using folder = await temporaryFolder();
  const assembling = assembleLayerTree({
    parts: [
      {
        recipe: await loadRecipe(await openRecipeLibrary([recipes.path]), 'lua/1'),
        artifact: join(folder.path, 'none'),
      },
    ],
    generated: [],
    added: new Map(),
    manifest: manifestWith(),
    tmpDir: folder.path,
  });
  expect(await failure(assembling, Error)).toMatchObject({ code: 'ENOENT' });
});

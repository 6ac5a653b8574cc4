import { createWriteStream } from 'node:fs';

import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { packTree } from '../../../src/tree/pack-tree.js';
import { byPath, fileEntry, openContent, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { assembleLayerTree } from '../../../src/layer/layer-tree.js';
import { MANIFEST_PATH, readManifest } from '../../../src/layer/manifest.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { failure } from '../../support/failure.js';
import { loadRecipe, recipeFolder } from '../../support/recipe-files.js';
import { manifestWith } from '../../support/manifest.js';
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

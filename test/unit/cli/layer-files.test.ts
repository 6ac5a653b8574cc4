import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { layerFile, layerFiles } from '../../../src/cli/layer-files.js';
import { RecipeError, UsageError } from '../../../src/core/errors.js';
import { failure } from '../../support/failure.js';
import { fakeIo } from '../../support/fake-io.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
  await folder.write({
    'layersmith.yaml': `layers:
  shop: { base: php/8.4 }
  both: { base: php/8.4, platforms: [provided.al2, provided.al2023], architectures: [x86_64, arm64] }
`,
  });
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

/** Puts empty files of these names into dist/. */
async function built(...names: readonly string[]): Promise<void> {
  await folder.write(Object.fromEntries(names.map((name) => [`dist/${name}`, ''])));
}

test('a name of layersmith.yaml is its zip in dist/, without the zips of layers with a longer name', async () => {
  await built(
    'shop-8.4.24-provided.al2023-x86_64.zip',
    'shop-8.4.24-provided.al2023-x86_64.manifest.json',
    'shop-8.4.24-provided.al2-x86_64.zip',
    'shop-8.4.24-provided.al2023-arm64.zip',
    'shop-big-8.4.24-provided.al2023-x86_64.zip',
    'shop-2-8.4.24-provided.al2023-x86_64.zip',
    'old-shop-8.4.24-provided.al2023-x86_64.zip',
  );
  const file = join(folder.path, 'dist', 'shop-8.4.24-provided.al2023-x86_64.zip');
  expect(await layerFile(fakeIo(folder.path), 'shop')).toBe(file);
});

test('a layer for several platforms and architectures has a zip for each, and no single one', async () => {
  const names = [
    'provided.al2-x86_64',
    'provided.al2-arm64',
    'provided.al2023-x86_64',
    'provided.al2023-arm64',
  ];
  await built(...names.map((name) => `both-8.4.24-${name}.zip`));
  const io = fakeIo(folder.path);
  const files = names.map((name) => join(folder.path, 'dist', `both-8.4.24-${name}.zip`));
  expect(await layerFiles(io, 'both')).toEqual(files);
  const { message, hint } = await failure(layerFile(io, 'both'), UsageError);
  expect(message).toContain('4 zips');
  for (const file of files) expect(hint).toContain(file);
});

test('a layer that has not been built says how to build it', async () => {
  const { message, hint } = await failure(layerFile(fakeIo(folder.path), 'shop'), UsageError);
  expect(message).toBe('the layer shop for provided.al2023 x86_64 is not in dist');
  expect(hint).toContain('layersmith build shop');
});

test('a layer of which there are several versions is not guessed', async () => {
  await built('shop-8.4.24-provided.al2023-x86_64.zip', 'shop-8.4.25-provided.al2023-x86_64.zip');
  const { message } = await failure(layerFile(fakeIo(folder.path), 'shop'), UsageError);
  expect(message).toContain('several versions of the layer shop');
  expect(message).toContain('shop-8.4.24-provided.al2023-x86_64.zip');
  expect(message).toContain('shop-8.4.25-provided.al2023-x86_64.zip');
});

test('anything else is a path', async () => {
  const io = fakeIo(folder.path);
  expect(await layerFile(io, 'dist/x.zip')).toBe(join(folder.path, 'dist/x.zip'));
  expect(await layerFile(io, '/elsewhere/x.zip')).toBe('/elsewhere/x.zip');
  expect(await layerFile(io, 'other')).toBe(join(folder.path, 'other'));
});

test('a folder with the name of a layer is named with ./', async () => {
  await folder.write({ 'shop/bootstrap': '' });
  await built('shop-8.4.24-provided.al2023-x86_64.zip');
  const io = fakeIo(folder.path);
  expect(await layerFile(io, './shop')).toBe(join(folder.path, 'shop'));
  expect(await layerFile(io, 'shop')).toMatch(/\.zip$/);
});

test('an invalid layersmith.yaml matters for names, and not for paths', async () => {
  await folder.write({ 'layersmith.yaml': 'layer: {}\n' });
  const io = fakeIo(folder.path);
  expect(await layerFile(io, 'x.zip')).toBe(join(folder.path, 'x.zip'));
  expect(await failure(layerFile(io, 'shop'), RecipeError)).toMatchObject({ exitCode: 65 });
});

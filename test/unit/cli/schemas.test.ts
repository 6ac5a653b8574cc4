import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { jsonSchemas } from '../../../src/cli/schemas.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';

const FOLDER = join(PACKAGE_ROOT, 'schemas');

test('schemas/ is up to date: `node scripts/write-schemas.mjs` writes it', async () => {
  const files = await Promise.all(
    (await readdir(FOLDER))
      .sort()
      .map(async (name) => [name, await readFile(join(FOLDER, name), 'utf8')] as const),
  );
  expect(files).toEqual([...jsonSchemas()]);
});

/** Whether a value fits a schema, by another implementation of JSON Schema. */
function fits(name: string, value: unknown): boolean {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  const schema: unknown = JSON.parse(jsonSchemas().get(name) ?? '');
  return ajv.compile(schema as object)(value);
}

test('the built-in recipes and platforms fit their schemas', async () => {
  const all = async (folder: string): Promise<readonly string[]> =>
    (await readdir(join(PACKAGE_ROOT, folder), { recursive: true }))
      .filter((name) => /^[^/]+(\/[^/]+)?\.yaml$/.test(name))
      .map((name) => join(PACKAGE_ROOT, folder, name));
  const read = async (path: string): Promise<unknown> => parse(await readFile(path, 'utf8'));
  const schemaOf = (path: string): string =>
    path.endsWith('/package.yaml') ? 'recipe-package.json' : 'recipe-line.json';
  const recipes = await all('recipes');
  expect(recipes.length).toBeGreaterThan(20);
  for (const path of recipes) expect([path, fits(schemaOf(path), await read(path))]).toEqual([path, true]);
  for (const path of await all('platforms'))
    expect([path, fits('platform.json', await read(path))]).toEqual([path, true]);
});

test.each([
  [{ layers: { shop: { base: 'php/8.4', extensions: ['intl'], ini: { precision: 17 } } } }, true],
  [{}, true],
  [{ layers: { shop: { extensions: [] } } }, false],
  [{ layers: { Shop: { base: 'php' } } }, false],
  [{ layers: { shop: { base: 'php', architectures: ['x86'] } } }, false],
  [{ layer: {} }, false],
])('layersmith.yaml with %j fits its schema: %s', (value, expected) => {
  expect(fits('layersmith.json', value)).toBe(expected);
});

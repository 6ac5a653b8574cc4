import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { sha256 } from '../../../../src/core/digest.js';
import { InternalError } from '../../../../src/core/errors.js';
import { phpCompiler } from '../../../../src/runtime/php/compiled-code.js';
import { fileEntry, openContent, type TreeEntry } from '../../../../src/tree/tree-entry.js';
import { failure } from '../../../support/failure.js';

const CODE = {
  systemId: 'abc',
  files: [fileEntry('var/task/a.php.bin', 'OPCACHE')],
  layerManifest: Buffer.from('{}'),
  layerName: 'php/8.4 8.4.24',
};

async function contentOf(entries: readonly TreeEntry[], path: string): Promise<string> {
  const entry = entries.find((one) => one.path === path);
  if (entry?.type !== 'file') throw new Error(`no ${path}`);
  return (await buffer(openContent(entry))).toString();
}

test('compiled code comes with an index that names the layer, and with settings at its own root', async () => {
  const entries = phpCompiler.entries('function', CODE);
  expect(entries.map(({ path }) => path)).toEqual([
    '.layersmith/opcache/files/var/task/a.php.bin',
    '.layersmith/opcache/index.json',
    '.layersmith/opcache/uncached',
    'php/conf.d/layersmith-opcache.ini',
  ]);
  expect(JSON.parse(await contentOf(entries, '.layersmith/opcache/index.json'))).toMatchObject({
    layer: sha256(CODE.layerManifest),
    layerName: CODE.layerName,
    systemId: 'abc',
    probe: { path: '/var/task/a.php' },
  });
  expect(await contentOf(entries, 'php/conf.d/layersmith-opcache.ini')).toContain(
    '/var/task/.layersmith/opcache/uncached',
  );
});

test('the paths of a function that are ignored are those that are added to it', () => {
  for (const { path } of phpCompiler.entries('function', CODE))
    expect(phpCompiler.ignored.some((pattern) => `/${path}`.startsWith(pattern))).toBe(true);
});

test('nothing is added where no file was compiled', () => {
  expect(phpCompiler.entries('vendor', { ...CODE, files: [] })).toEqual([]);
});

test('a result without a report is an error of layersmith', async () => {
  await failure(phpCompiler.readResult(CODE.files), InternalError);
});

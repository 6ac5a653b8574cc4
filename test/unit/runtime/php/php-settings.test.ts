import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { ExtensionSpec } from '../../../../src/recipe/recipe.js';
import { phpSettings } from '../../../../src/runtime/php/php-settings.js';
import { openContent, type TreeEntry } from '../../../../src/tree/tree-entry.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const REDIS: ExtensionSpec = {
  of: 'php',
  order: 30,
  directive: 'extension',
  ini: {},
  conflicts: [],
  requires: [],
  supports: { from: undefined, before: undefined },
  files: ['lib/php/extensions/redis.so'],
  starts: [],
  position: { file: 'package.yaml', line: 1, column: 1 },
};

async function textOf(entry: TreeEntry | undefined): Promise<string> {
  if (entry?.type !== 'file') throw new Error(`${entry?.path ?? 'nothing'} is no file`);
  return (await buffer(openContent(entry))).toString();
}

test('an extension is loaded by a file whose name has its order, with its settings', async () => {
  const entry = phpSettings.load('redis', { ...REDIS, ini: { 'redis.pconnect.pooling_enabled': 'On' } });
  expect(entry).toMatchObject({ path: 'etc/php/conf.d/30-redis.ini', mode: 0o644 });
  expect(await textOf(entry)).toBe('extension = redis\nredis.pconnect.pooling_enabled = On\n');
});

test("an extension of PHP's engine has another directive", async () => {
  const entry = phpSettings.load('xdebug', { ...REDIS, order: 80, directive: 'zend_extension' });
  expect(entry?.path).toBe('etc/php/conf.d/80-xdebug.ini');
  expect(await textOf(entry)).toBe('zend_extension = xdebug\n');
});

test('a part of PHP that is no module is not loaded', () => {
  expect(phpSettings.load('php-lambda', { ...REDIS, directive: undefined })).toBeUndefined();
});

test("the layer's settings come after those of all extensions, which end at 89", () => {
  expect(phpSettings.ofLayer({}).path).toBe('etc/php/conf.d/90-layer.ini');
});

test.each([
  ['On', 'On'],
  ['Off', 'Off'],
  ['-1', '-1'],
  ['512M', '512M'],
  ['yes', '"yes"'],
  ['1.5', '"1.5"'],
  ['', '""'],
  ['a; b', '"a; b"'],
  ['C:\\x\\', '"C:\\\\x\\\\"'],
  ['E_ALL & ~E_DEPRECATED', 'E_ALL & ~E_DEPRECATED'],
  ['E_ALL & ~(E_NOTICE | E_STRICT)', 'E_ALL & ~(E_NOTICE | E_STRICT)'],
  ['E_ALL; extension=x', '"E_ALL; extension=x"'],
])('the value %j is written as %s', async (value, written) => {
  expect(await textOf(phpSettings.ofLayer({ setting: value }))).toBe(`setting = ${written}\n`);
});

// A PHP of the system, so that the rules of ini files are PHP's own.
test('PHP reads values as they were given', { tags: ['system'] }, async () => {
  const values = {
    error_prepend_string: "it's \\' a\\\\b \\d ; | & ! yes",
    error_append_string: 'ends with \\',
    docref_root: '$HOME #x %d',
    memory_limit: '512M',
    error_reporting: 'E_ALL & ~E_DEPRECATED',
    user_agent: 'no',
  };
  await using folder = await temporaryFolder();
  await folder.write({ 'php.ini': await textOf(phpSettings.ofLayer(values)) });
  const names = JSON.stringify(Object.keys(values));
  const { stdout } = await promisify(execFile)('php', [
    ...['-c', join(folder.path, 'php.ini')],
    ...['-r', `foreach (${names} as $name) $all[$name] = ini_get($name); echo json_encode($all);`],
  ]);
  expect(JSON.parse(stdout)).toEqual({ ...values, error_reporting: '24575' });
});

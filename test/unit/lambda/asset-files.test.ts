import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAsset } from '../../../src/lambda/asset-files.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
  await folder.write({
    'secret.txt': 'secret',
    'app/.env': 'PASSWORD=x',
    'app/src/code.php': '<?php',
    'app/storage/photo.jpg': 'photo',
    'app/public/index.php': '<?php',
    'app/public/other.PHTML': '<?php',
    'app/public/.htaccess': 'x',
    'app/public/.well-known/x.txt': 'x',
    'app/public/style.css': 'body{}',
    'app/public/with space ü.svg': '<svg/>',
    'app/public/build/app.mjs': 'export {}',
    'app/public/README': 'bytes',
    'app/public/a\\b.txt': 'x',
  });
  for (const [target, name] of [
    ['../storage', 'storage'],
    ['../../secret.txt', 'secret.txt'],
    ['../.env', 'env.txt'],
    ['../src/code.php', 'code.txt'],
    ['nowhere', 'dangling.txt'],
    ['loop.txt', 'loop.txt'],
  ] as const)
    await symlink(target, join(folder.path, 'app/public', name));
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

async function asset(urlPath: string): Promise<readonly [string, string] | undefined> {
  const app = join(folder.path, 'app');
  const found = await openAsset({ folder: join(app, 'public'), linksInto: app }, urlPath);
  if (found === undefined) return undefined;
  const text = await found.file.readFile('utf8');
  await found.file.close();
  expect(found.sizeBytes).toBe(Buffer.byteLength(text));
  return [found.contentType, text];
}

test.each([
  ['/style.css', 'text/css; charset=utf-8', 'body{}'],
  ['/with%20space%20%C3%BC.svg', 'image/svg+xml', '<svg/>'],
  ['/build/app.mjs', 'text/javascript; charset=utf-8', 'export {}'],
  ['/README', 'application/octet-stream', 'bytes'],
  ['/storage/photo.jpg', 'image/jpeg', 'photo'],
])('%s is a file of the type %s', async (path, type, text) => {
  expect(await asset(path)).toEqual([type, text]);
});

test.each([
  ['the folder itself', '/'],
  ['a folder', '/build'],
  ['a folder with a slash', '/build/'],
  ['a file that does not exist', '/none.css'],
  ['a path below a file', '/style.css/x'],
  ['a file outside', '/../src/code.txt'],
  ['an encoded path to a file outside', '/%2e%2e/%2e%2e/secret.txt'],
  ['an encoded slash', '/..%2f..%2fsecret.txt'],
  ['an encoded slash inside', '/build%2fapp.mjs'],
  ['a backslash', '/a%5cb.txt'],
  ['an empty name', '//style.css'],
  ['a dot', '/./style.css'],
  ['a NUL byte', '/style.css%00.png'],
  ['an invalid encoding', '/style%.css'],
  ['a hidden file', '/.htaccess'],
  ['a file in a hidden folder', '/.well-known/x.txt'],
  ['PHP', '/index.php'],
  ['PHP by another name', '/other.PHTML'],
  ['a symlink to a file outside the function', '/secret.txt'],
  ['a symlink to a hidden file', '/env.txt'],
  ['a symlink to PHP', '/code.txt'],
  ['a dangling symlink', '/dangling.txt'],
  ['a symlink to itself', '/loop.txt'],
  ['a name that is too long', `/${'x'.repeat(300)}`],
])('%s is no asset', async (_what, path) => {
  expect(await asset(path)).toBeUndefined();
});

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { LayerError, UsageError } from '../../../src/core/errors.js';
import { fileEntry, openContent, type TreeEntry } from '../../../src/tree/tree-entry.js';
import {
  readCodeTree,
  unreadablePaths,
  type CodeTree,
  type CodeTreeOptions,
} from '../../../src/tree/code-tree.js';
import { treeSignature } from '../../../src/tree/tree-signature.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

function read(
  folder: TemporaryFolder,
  name: string,
  options: { readonly what?: CodeTreeOptions['what']; readonly warn?: CodeTreeOptions['warn'] } = {},
): Promise<CodeTree> {
  const { what = 'function', warn = () => undefined } = options;
  const root = what === 'layer' ? '/opt' : '/var/task';
  return readCodeTree(join(folder.path, name), { what, root, tmpDir: folder.path, warn });
}

async function contentOf(entry: TreeEntry | undefined): Promise<string> {
  if (entry?.type !== 'file') throw new Error('no file');
  return (await buffer(openContent(entry))).toString();
}

test('a folder is read with its modes and links, in order, without .git', async () => {
  await using folder = await temporaryFolder();
  await folder.write({
    'app/src/b.php': 'b',
    'app/src/a.sh': 'a',
    'app/.git/HEAD': 'x',
    'app/src/empty': '',
  });
  await chmod(join(folder.path, 'app/src/a.sh'), 0o755);
  await chmod(join(folder.path, 'app/src/b.php'), 0o640);
  for (const path of ['app/src', 'app/src/empty']) await chmod(join(folder.path, path), 0o755);
  await mkdir(join(folder.path, 'app/var'), { mode: 0o700 });
  await symlink('../src', join(folder.path, 'app/var/source'));
  await symlink('/tmp/cache', join(folder.path, 'app/var/cache'));
  const { entries } = await read(folder, 'app');
  expect(
    entries.map((entry) => [entry.path, entry.type, 'mode' in entry ? entry.mode : entry.target]),
  ).toEqual([
    ['src', 'directory', expect.any(Number) as number],
    ['src/a.sh', 'file', 0o755],
    ['src/b.php', 'file', 0o640],
    ['src/empty', 'file', expect.any(Number) as number],
    ['var', 'directory', 0o700],
    ['var/cache', 'symlink', '/tmp/cache'],
    ['var/source', 'symlink', '../src'],
  ]);
  expect(unreadablePaths(entries)).toEqual(['src/b.php', 'var']);
  expect(await contentOf(entries[2])).toBe('b');
  expect(await contentOf(entries[3])).toBe('');
});

test('a zip is read, and what has no mode in it is readable', async () => {
  await using folder = await temporaryFolder();
  await writeZip(join(folder.path, 'app.zip'), [
    fileEntry('src/a.php', 'a', 0),
    fileEntry('run', 'r', 0o755),
  ]);
  await using tree = await read(folder, 'app.zip');
  const { entries } = tree;
  expect(entries).toMatchObject([
    { path: 'src/a.php', mode: 0o644 },
    { path: 'run', mode: 0o755 },
  ]);
  expect(await contentOf(entries[0])).toBe('a');
});

test.each([
  ['none', 'does not exist'],
  ['empty', 'has no files'],
  ['hollow', 'has no files'],
  ['empty.zip', 'has no files'],
  ['text.php', 'is neither a folder nor a zip'],
  ['text.php/below', '(ENOTDIR)'],
])('%s is refused as a function, with advice', async (name, message) => {
  await using folder = await temporaryFolder();
  await folder.write({ 'text.php': '<?php' });
  await mkdir(join(folder.path, 'empty'));
  await mkdir(join(folder.path, 'hollow/src'), { recursive: true });
  await writeZip(join(folder.path, 'empty.zip'), []);
  const error = await failure(read(folder, name), UsageError);
  expect(error.message).toContain(message);
  expect(error.hint).toContain('Name the folder that you would upload');
});

test('a damaged zip is an error of the layer', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'cut.zip'), 'PK\x03\x04 and then nothing');
  const error = await failure(read(folder, 'cut.zip', { what: 'layer' }), LayerError);
  expect(error.message).toContain('cut.zip');
});

test.each([
  ['../vendor', '/var/vendor'],
  ['/home/me/vendor', '/home/me/vendor'],
  ['../../../../etc-of-mine', '/etc-of-mine'],
])('a link to %s leads out of what Lambda has, and is refused', async (target, place) => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/src/a.php': '' });
  await symlink(target, join(folder.path, 'app/vendor'));
  const error = await failure(read(folder, 'app'), LayerError);
  expect(error.message).toContain(`has a link vendor to ${target}, which is ${place} on Lambda`);
});

test.each([
  ['../../../../etc/shadow', '/etc/shadow'],
  ['../../tmp/cache', '/tmp/cache'],
])('a relative link to %s leaves the function: the absolute path is advised', async (target, place) => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/src/a.php': '' });
  await symlink(target, join(folder.path, 'app/rel'));
  const error = await failure(read(folder, 'app'), LayerError);
  expect(error.message).toContain(`link rel to ${target}`);
  expect(error.hint).toContain(`the absolute path ${place}`);
});

test('a relative link within the function, to its root too, is kept', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/src/a.php': '' });
  await symlink('..', join(folder.path, 'app/src/root'));
  await symlink('../src/../src/a.php', join(folder.path, 'app/src/b.php'));
  const { entries } = await read(folder, 'app');
  expect(entries.map(({ path }) => path)).toEqual(['src', 'src/a.php', 'src/b.php', 'src/root']);
});

test('a name that is not UTF-8 is refused with the name and the cause', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/src/a.php': '' });
  await writeFile(
    Buffer.concat([Buffer.from(join(folder.path, 'app/src/bad')), Buffer.from([0xff, 0xfe])]),
    '',
  );
  const error = await failure(read(folder, 'app'), UsageError);
  expect(error.message).toContain('app/src/bad\\xff\\xfe');
  expect(error.message).toContain('UTF-8');
});

test('a link whose target is not UTF-8 is refused with its name', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/src/a.php': '' });
  await symlink(Buffer.from([0x61, 0xff]), join(folder.path, 'app/link'));
  const error = await failure(read(folder, 'app'), UsageError);
  expect(error.message).toContain('app/link → a\\xff');
});

test('sockets, FIFOs and devices are left out with a warning that names them', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/src/a.php': '' });
  execFileSync('mkfifo', [join(folder.path, 'app/src/pipe')]);
  const server = createServer().listen(join(folder.path, 'app/run.sock'));
  await once(server, 'listening');
  const warnings: string[] = [];
  try {
    const { entries } = await read(folder, 'app', { warn: (message) => warnings.push(message) });
    expect(entries.map(({ path }) => path)).toEqual(['src', 'src/a.php']);
  } finally {
    server.close();
  }
  expect(warnings).toEqual([expect.stringMatching(/run\.sock \(socket\), src\/pipe \(FIFO\)/)]);
});

test('the signature of a folder changes with its files, and not with .git or reading', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/src/a.php': 'a', 'app/.git/HEAD': 'x' });
  const app = join(folder.path, 'app');
  const seen = [treeSignature(app)];
  const expectChange = (): void => {
    const now = treeSignature(app);
    expect(seen).not.toContain(now);
    seen.push(now);
  };
  await folder.write({ 'app/.git/HEAD': 'y' });
  expect(treeSignature(app)).toBe(seen[0]);
  await folder.write({ 'app/src/a.php': 'longer' });
  expectChange();
  await utimes(join(app, 'src/a.php'), 1, 1);
  expectChange();
  await chmod(join(app, 'src/a.php'), 0o600);
  expectChange();
  await folder.write({ 'app/src/b.php': '' });
  expectChange();
  expect(treeSignature(join(folder.path, 'none'))).toBe(treeSignature(join(folder.path, 'none')));
});

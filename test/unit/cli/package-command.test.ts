import { once } from 'node:events';
import { readdir, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { fakeIo } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { readZipEntries } from '../../support/zip.js';

const COMMAND = ['package', 'function', 'app', '--no-precompile', '--output', 'app.zip'];

test('a link that leaves the function is refused, and nothing is left in the temporary folder', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/hello.php': '<?php', 'tmp/.keep': '' });
  await symlink('../../../../etc/shadow', join(folder.path, 'app/rel'));
  const io = fakeIo(folder.path, { tmpDir: join(folder.path, 'tmp') });
  expect(await run(COMMAND, io)).toBe(73);
  expect(io.stderr()).toContain('link rel to');
  expect(io.stderr()).toContain('/etc/shadow, or put a copy');
  expect(await readdir(folder.path)).not.toContain('app.zip');
  const [scratch = ''] = (await readdir(join(folder.path, 'tmp'))).filter((name) => name !== '.keep');
  expect(await readdir(join(folder.path, 'tmp', scratch))).toEqual([]);
});

test('a socket in the function is left out with a warning', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'app/hello.php': '<?php' });
  const server = createServer().listen(join(folder.path, 'app/run.sock'));
  await once(server, 'listening');
  const io = fakeIo(folder.path);
  try {
    expect(await run(COMMAND, io)).toBe(0);
  } finally {
    server.close();
  }
  expect(io.stderr()).toContain('run.sock (socket)');
  expect((await readZipEntries(join(folder.path, 'app.zip'))).map(({ name }) => name)).toEqual(['hello.php']);
});

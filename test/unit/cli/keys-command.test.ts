import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { readSigningKey } from '../../../src/core/signing-key.js';
import { fakeIo } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('`keys new` writes a private key for this user alone, and prints the public one as an entry of trustedKeys', async () => {
  await using folder = await temporaryFolder();
  const io = fakeIo(folder.path);
  expect(await run(['keys', 'new', 'acme-ci.pem'], io)).toBe(0);
  const path = join(folder.path, 'acme-ci.pem');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const { id, publicKey } = readSigningKey(await readFile(path, 'utf8'), path);
  expect(io.stdout()).toBe(`acme-ci: ${publicKey}\n`);
  expect(io.stderr()).toContain(`the private key ${id} to ${path}`);
});

test('a key is not overwritten, and does not go into a folder that is not there', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'key.pem'), 'mine');
  for (const [file, message] of [
    ['key.pem', 'exists already'],
    ['no/key.pem', 'does not exist'],
  ] as const) {
    const io = fakeIo(folder.path);
    expect(await run(['keys', 'new', file], io)).toBe(64);
    expect(io.stderr()).toContain(message);
    expect(io.stdout()).toBe('');
  }
  expect(await readFile(join(folder.path, 'key.pem'), 'utf8')).toBe('mine');
});

test('`--json` has the id of the key too', async () => {
  await using folder = await temporaryFolder();
  const io = fakeIo(folder.path);
  expect(await run(['keys', 'new', 'a.b.pem', '--json'], io)).toBe(0);
  const { id, publicKey } = readSigningKey(await readFile(join(folder.path, 'a.b.pem'), 'utf8'), 'it');
  expect(JSON.parse(io.stdout())).toEqual({
    path: join(folder.path, 'a.b.pem'),
    name: 'a.b',
    id,
    publicKey,
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { sha256 } from '../../../src/core/digest.js';
import { newSigningKey, readSigningKey } from '../../../src/core/signing-key.js';
import { fakeIo, type FakeIo } from '../../support/fake-io.js';
import { recipeFiles } from '../../support/recipe-files.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

const CI_KEY = newSigningKey();
const { publicKey } = readSigningKey(CI_KEY, 'it');

/** A project with a recipe, its source in a folder, and a shared store in another folder. */
async function project(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  const recipes = recipeFiles({ 'thing/1': [] });
  const line = (recipes['thing/1.yaml'] ?? '').replace(/sha256: .*/, `sha256: '${sha256('a tarball')}'`);
  await folder.write({
    'layersmith.yaml': `store: shared\ntrustedKeys: { ci: '${publicKey}' }\n`,
    ...Object.fromEntries(
      Object.entries({ ...recipes, 'thing/1.yaml': line }).map(([name, text]) => [`recipes/${name}`, text]),
    ),
    'tarballs/it': 'a tarball',
    'key.pem': CI_KEY,
  });
  return folder;
}

async function layersmith(
  folder: TemporaryFolder,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly exitCode: number; readonly io: FakeIo }> {
  const plain = fakeIo(folder.path);
  const io = fakeIo(folder.path, { env: { ...plain.env, ...env } });
  return { exitCode: await run(args, io), io };
}

test('sources that one machine shares are fetched from the shared store by another', async () => {
  await using folder = await project();
  const first = [
    'fetch',
    'thing',
    '--store',
    'first',
    '--sources',
    'tarballs',
    '--share',
    '--signing-key',
    'key.pem',
  ];
  expect((await layersmith(folder, first)).exitCode).toBe(0);
  const { exitCode, io } = await layersmith(folder, ['fetch', 'thing', '--store', 'second']);
  expect(io.stdout()).toBe(`${sha256('a tarball')}  main-1.0.tar.gz  (${join(folder.path, 'shared')})\n`);
  expect(exitCode).toBe(0);
});

test('sources are not shared unless that is asked for', async () => {
  await using folder = await project();
  await layersmith(folder, ['fetch', 'thing', '--store', 'first', '--sources', 'tarballs']);
  const { exitCode, io } = await layersmith(folder, ['fetch', 'thing', '--store', 'second']);
  expect(exitCode).toBe(75);
  expect(io.stderr()).toContain('shared: it does not have the file');
});

test('a source with other bytes in the shared store is not used, with a warning', async () => {
  await using folder = await project();
  const digest = sha256('a tarball');
  await folder.write({ [`shared/v1/sources/${digest.slice(0, 2)}/${digest}`]: 'poison' });
  const { exitCode, io } = await layersmith(folder, ['fetch', 'thing', '--store', 'second']);
  expect(exitCode).toBe(75);
  expect(io.stderr()).toContain(
    `warning: main-1.0.tar.gz in ${join(folder.path, 'shared')} is not used: its sha256 is ${sha256('poison')}`,
  );
});

test('`--shared-store none` does without the shared store of the project', async () => {
  await using folder = await project();
  const { io } = await layersmith(folder, ['fetch', 'thing', '--store', 'x', '--shared-store', 'none']);
  expect(io.stderr()).not.toContain('shared');
});

describe('flags that do not fit together', () => {
  test.each<[string, readonly string[], string]>([
    ['--share without a key', ['--share'], '--share needs a key'],
    [
      '--share without a store',
      ['--share', '--signing-key', 'key.pem', '--shared-store', 'none'],
      '--share needs a shared store',
    ],
    ['a key that is not there', ['--share', '--signing-key', 'gone.pem'], 'gone.pem'],
    ['a key that is none', ['--share', '--signing-key', 'layersmith.yaml'], 'is not a private key'],
    [
      'a store of another kind',
      ['--shared-store', 'https://acme.example'],
      "'https://acme.example' is neither",
    ],
    [
      '--share offline',
      ['--share', '--signing-key', 'key.pem', '--shared-store', 's3://acme', '--offline'],
      'exclude each other',
    ],
  ])('%s', async (_what, args, message) => {
    await using folder = await project();
    const { exitCode, io } = await layersmith(folder, ['fetch', 'thing', '--store', 'x', ...args]);
    expect(io.stderr()).toContain(message);
    expect(exitCode).toBe(64);
  });
});

test('the key can be in the environment; one that the project does not trust is a warning', async () => {
  await using folder = await project();
  const args = ['fetch', 'thing', '--store', 'first', '--sources', 'tarballs', '--share'];
  const trusted = await layersmith(folder, args, { LAYERSMITH_SIGNING_KEY: CI_KEY });
  expect(trusted.exitCode).toBe(0);
  expect(trusted.io.stderr()).not.toContain('warning');
  const other = newSigningKey();
  const untrusted = await layersmith(folder, args, { LAYERSMITH_SIGNING_KEY: other });
  expect(untrusted.exitCode).toBe(0);
  expect(untrusted.io.stderr()).toContain(`the key ${readSigningKey(other, 'it').id} is not among`);
});

test('a store without trusted keys is a warning', async () => {
  await using folder = await project();
  await writeFile(join(folder.path, 'layersmith.yaml'), 'store: shared\n');
  const { io } = await layersmith(folder, ['plan', 'thing', '--toolchain', 'debian', '--store', 'x']);
  expect(io.stderr()).toContain('names no `trustedKeys`');
});

/** @module-tag system */

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSignature } from '../../../src/cli/check-signature.js';
import { IntegrityError } from '../../../src/core/errors.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

const { signal } = new AbortController();
let folder: TemporaryFolder;
const at = (name: string): string => join(folder.path, name);

async function gpg(...args: readonly string[]): Promise<void> {
  await promisify(execFile)('gpg', [
    '--homedir',
    at('home'),
    '--batch',
    '--yes',
    '--passphrase',
    '',
    ...args,
  ]);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(at('home'), { mode: 0o700 });
  for (const name of ['one', 'two']) {
    await gpg('--quick-generate-key', `${name}@layersmith.invalid`, 'ed25519', 'sign', 'never');
    await gpg('--armor', '--output', at(`${name}.asc`), '--export', `${name}@layersmith.invalid`);
    await gpg('--output', at(`${name}.gpg`), '--export', `${name}@layersmith.invalid`);
  }
  await writeFile(at('tarball'), 'bytes');
  await gpg(
    '--local-user',
    'one@layersmith.invalid',
    '--armor',
    '--output',
    at('tarball.asc'),
    '--detach-sign',
    at('tarball'),
  );
}, 120_000);

afterAll(async () => {
  await promisify(execFile)('gpgconf', ['--homedir', at('home'), '--kill', 'all']).catch(() => undefined);
  await folder[Symbol.asyncDispose]();
});

const check = (key: string, file = 'tarball'): Promise<string | undefined> =>
  checkSignature({ file: at(file), signature: at('tarball.asc'), key: at(key) }, { signal });

test.each(['one.asc', 'one.gpg'])('a signature by a key of %s gives its fingerprint', async (key) => {
  expect(await check(key)).toMatch(/^[0-9A-F]{40}$/);
});

test('a signature by another key, and one of other bytes, are refused', async () => {
  const error = await failure(check('two.asc'), IntegrityError);
  expect(error.message).toContain('is no valid signature');
  await writeFile(at('changed'), 'other bytes');
  await failure(check('one.asc', 'changed'), IntegrityError);
});

test('without gpgv nothing is known', async () => {
  const files = { file: at('tarball'), signature: at('tarball.asc'), key: at('one.asc') };
  expect(await checkSignature(files, { signal, program: 'no-such-gpgv' })).toBeUndefined();
});

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../../src/cli/run.js';
import { findSecretFiles } from '../../../../src/pipeline/bundle/secret-files.js';
import { fileEntry } from '../../../../src/tree/tree-entry.js';
import { fakeIo } from '../../../support/fake-io.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('files that often hold secrets are found by their names, and a folder of them once', () => {
  const secret = [
    '.env',
    '.env.local',
    'config/.env.prod',
    'key.pem',
    'tls/server.key',
    'id_ed25519',
    'auth.json',
  ];
  const plain = ['.env.example', '.envrc.md', 'src/pem.php', 'vendor/a/tests/key.pem', 'id_rsa.pub'];
  const folders = ['.aws/config', '.aws/credentials', 'home/.ssh/known_hosts'];
  const entries = [...secret, ...plain, ...folders].map((path) => fileEntry(path, 'x'));
  expect(findSecretFiles(entries)).toEqual([...secret, '.aws/', 'home/.ssh/'].sort());
});

test('`package function` names them in a warning, and does not when they are ignored', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'fn/src/hello.php': '<?php', 'fn/.env': 'TOKEN=x', 'fn/.aws/credentials': 'x' });
  const pack = async (): Promise<string> => {
    const io = fakeIo(folder.path);
    expect(await run(['package', 'function', 'fn', '--no-precompile'], io)).toBe(0);
    expect(io.stdout()).toBe(`${join(folder.path, 'dist/fn.zip')}\n`);
    return io.stderr();
  };
  expect(await pack()).toMatch(/warning: .*secrets: \.aws\/, \.env; /);
  await folder.write({ 'fn/.layersmithignore': '.env\n.aws\n' });
  expect(await pack()).not.toContain('secrets');
});

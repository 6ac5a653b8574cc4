import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/core/errors.js';
import { ANONYMOUS, dockerCredentials, serverOf } from '../../../src/engine/registry-credentials.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const basic = (text: string): string => Buffer.from(text).toString('base64');

/** Writes config.json. */
const configure = (config: object): Promise<void> =>
  folder.write({ '.docker/config.json': JSON.stringify(config) });

/** What the engine is told for an image. */
async function auth(image: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const found = await dockerCredentials({ env, homeDir: folder.path })(image);
  // Docker requires the padding.
  expect(found).toMatch(/^(?:[\w-]{4})*(?:[\w-]{2}==|[\w-]{3}=)?$/);
  return JSON.parse(Buffer.from(found, 'base64url').toString());
}

/** Adds a credential helper that writes what it was asked for to stderr. */
async function helper(name: string, script: string): Promise<Readonly<Record<string, string>>> {
  const path = `bin/docker-credential-${name}`;
  await folder.write({ [path]: `#!/bin/sh\nread -r server\n${script}\n` });
  await chmod(join(folder.path, path), 0o755);
  return { PATH: `${join(folder.path, 'bin')}:/usr/bin:/bin` };
}

test.each([
  ['ghcr.io/acme/layersmith', 'ghcr.io'],
  ['127.0.0.1:5000/a/b', '127.0.0.1:5000'],
  ['localhost/a', 'localhost'],
  ['acme/layersmith', 'https://index.docker.io/v1/'],
  ['docker.io/acme/layersmith', 'https://index.docker.io/v1/'],
  ['debian', 'https://index.docker.io/v1/'],
])('the registry of %s is %s', (image, server) => {
  expect(serverOf(image)).toBe(server);
});

describe('credentials', () => {
  test('are none without config.json, and for a registry that it does not name', async () => {
    expect(await dockerCredentials({ env: {}, homeDir: folder.path })('ghcr.io/a')).toBe(ANONYMOUS);
    await configure({ auths: { 'ghcr.io': { auth: basic('me:pass') } } });
    expect(await auth('quay.io/a')).toEqual({});
  });

  test('come from `auths`, also of a URL and of DOCKER_CONFIG; a password may have colons', async () => {
    await folder.write({
      'else/config.json': JSON.stringify({
        auths: { 'https://ghcr.io/v2/': { auth: basic('me:pa:ss') }, 'quay.io': { identitytoken: 'tok' } },
      }),
    });
    const env = { DOCKER_CONFIG: join(folder.path, 'else') };
    expect(await auth('ghcr.io/a', env)).toEqual({
      ...{ username: 'me', password: 'pa:ss', serveraddress: 'ghcr.io' },
    });
    expect(await auth('quay.io/a', env)).toEqual({ identitytoken: 'tok', serveraddress: 'quay.io' });
  });

  test("come from the registry's helper before the common one", async () => {
    await configure({ credsStore: 'common', credHelpers: { 'ghcr.io': 'own' } });
    await helper('common', `echo '{"Username":"<token>","Secret":"t"}'`);
    const env = await helper('own', `echo "{\\"Username\\":\\"$1 $server\\",\\"Secret\\":\\"s\\"}"`);
    expect(await auth('ghcr.io/a', env)).toEqual({
      ...{ username: 'get ghcr.io', password: 's', serveraddress: 'ghcr.io' },
    });
    expect(await auth('quay.io/a', env)).toEqual({ identitytoken: 't', serveraddress: 'quay.io' });
  });

  test('are none if the helper has none', async () => {
    await configure({ credsStore: 'empty' });
    const env = await helper('empty', 'echo "credentials not found in native keychain"; exit 1');
    expect(await auth('ghcr.io/a', env)).toEqual({});
  });

  test.each([
    ['is missing', undefined, 'docker-credential-odd is not installed'],
    ['fails', 'echo "no session" >&2; exit 1', 'docker-credential-odd ended with exit code 1'],
    ['answers with something else', 'echo s3cret', 'docker-credential-odd answered with something else'],
  ])('of a helper that %s are an error without secrets', async (_name, script, message) => {
    await configure({ credsStore: 'odd' });
    const env = script === undefined ? { PATH: '/nowhere' } : await helper('odd', script);
    const error = await failure(auth('ghcr.io/a', env), EngineError);
    expect(error.message).toContain(message);
    expect(JSON.stringify([error.message, error.details, error.hint])).not.toContain('s3cret');
  });

  test('of an invalid config.json are an error that does not quote it', async () => {
    await folder.write({ '.docker/config.json': '{"auths":{"ghcr.io":{"auth":"czNjcmV0' });
    const error = await failure(auth('ghcr.io/a'), EngineError);
    expect(error.message).toContain('it is not JSON');
    expect(error.message).not.toContain('czNj');
  });
});

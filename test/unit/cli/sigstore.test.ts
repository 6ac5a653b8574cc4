import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { sha256 } from '../../../src/core/digest.js';
import { attestationDigest } from '../../../src/layer/attestation.js';
import { provenanceOf } from '../../../src/layer/provenance.js';
import { readZipFile } from '../../../src/tree/zip-file.js';
import { fakeIo } from '../../support/fake-io.js';
import { recordWith } from '../../support/layer-record.js';
import { startSigstore, tokenOf, type Sigstore } from '../../support/sigstore.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

// Keyless signing against a certificate authority and a log of Sigstore's own test kit, on loopback.

const WORKFLOW = 'https://github.com/acme/layers/.github/workflows/layers.yml@refs/heads/main';
const ISSUER = 'https://token.actions.githubusercontent.com';

let sigstore: Sigstore;
let folder: TemporaryFolder;

beforeAll(async () => {
  sigstore = await startSigstore();
});
afterAll(() => sigstore[Symbol.asyncDispose]());

beforeEach(async () => {
  vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', '');
  vi.stubEnv('SIGSTORE_ID_TOKEN', tokenOf({ subject: WORKFLOW, issuer: ISSUER }));
  const record = recordWith({ layer: { file: 'shop.zip', sha256: sha256('zip'), sizeBytes: 3 } });
  const ran = { builderId: 'urn:b', invocationId: 'a', startedOn: undefined, finishedOn: undefined };
  folder = await temporaryFolder();
  await folder.write({
    'shop.zip': 'zip',
    'shop.provenance.json': JSON.stringify(provenanceOf(record, { run: ran, byproducts: [] })),
    'root.json': sigstore.trustedRoot,
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await folder[Symbol.asyncDispose]();
});

async function layersmith(...args: readonly string[]) {
  const io = fakeIo(folder.path);
  const exitCode = await run(args, io);
  return { exitCode, stdout: io.stdout(), stderr: io.stderr() };
}

const attest = (url = sigstore.url) =>
  layersmith('attest', 'shop.zip', '--sigstore', '--fulcio-url', url, '--rekor-url', url);
const verify = (...args: readonly string[]) =>
  layersmith('verify-attestation', 'shop.zip', '--trusted-root', 'root.json', '--json', ...args);

test('an identity signs without a key, and is verified by its name', async () => {
  const made = await attest();
  expect(made.exitCode, made.stderr).toBe(0);
  expect(made.stdout).toBe(`${join(folder.path, 'shop.sigstore.json')}\n`);
  const bundle = JSON.parse(await readFile(join(folder.path, 'shop.sigstore.json'), 'utf8')) as object;
  expect(bundle).toMatchObject({
    mediaType: expect.stringContaining('application/vnd.dev.sigstore.bundle') as string,
    dsseEnvelope: { payloadType: 'application/vnd.in-toto+json' },
  });
  const found = await verify('--identity', WORKFLOW, '--issuer', ISSUER);
  expect(found.exitCode, found.stderr).toBe(0);
  expect(JSON.parse(found.stdout)).toMatchObject({ signer: `${WORKFLOW} (${ISSUER})`, builder: 'urn:b' });
  const digest = await attestationDigest(await readZipFile(join(folder.path, 'shop.zip')));
  expect(digest).toBe(sha256(await readFile(join(folder.path, 'shop.sigstore.json'))));
});

test('a root on each line is tried in turn, as `gh` prints them', async () => {
  await attest();
  await using other = await startSigstore();
  await folder.write({ 'root.json': `${other.trustedRoot}\n${sigstore.trustedRoot}\n` });
  expect((await verify('--identity', WORKFLOW)).exitCode).toBe(0);
});

test.each<[string, readonly string[]]>([
  ['of another identity', ['--identity', WORKFLOW.replace('acme', 'evil')]],
  ['of an identity that only begins so', ['--identity', WORKFLOW.slice(0, -1)]],
  ['of an identity that is like it as a pattern', ['--identity', WORKFLOW.replace('.com', '_com')]],
  ['of another issuer', ['--identity', WORKFLOW, '--issuer', 'https://gitlab.com']],
])('an attestation %s is refused', async (_name, args) => {
  await attest();
  const { exitCode, stderr } = await verify(...args);
  expect(exitCode).toBe(76);
  expect(stderr).toContain('is not a trusted signature');
});

test('an attestation of another Sigstore, a changed one, and one of another zip are refused', async () => {
  await attest();
  await using other = await startSigstore();
  await folder.write({ 'other.json': other.trustedRoot });
  expect((await verify('--identity', WORKFLOW, '--trusted-root', 'other.json')).exitCode).not.toBe(0);
  const path = join(folder.path, 'shop.sigstore.json');
  const text = await readFile(path, 'utf8');
  const bundle = JSON.parse(text) as { dsseEnvelope: { payload: string } };
  const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString().replace('urn:b', 'urn:c');
  bundle.dsseEnvelope.payload = Buffer.from(payload).toString('base64');
  await folder.write({ 'shop.sigstore.json': JSON.stringify(bundle) });
  expect((await verify('--identity', WORKFLOW)).exitCode).toBe(76);
  await folder.write({ 'shop.sigstore.json': text, 'shop.zip': 'changed' });
  const moved = await verify('--identity', WORKFLOW);
  expect(moved.exitCode).toBe(76);
  expect(moved.stderr).toContain('about another zip');
});

test('without an identity, a service or a trusted root it fails, and says what to do', async () => {
  vi.stubEnv('SIGSTORE_ID_TOKEN', '');
  const nobody = await attest();
  expect(nobody.exitCode).toBe(64);
  expect(nobody.stderr).toContain('id-token: write');
  vi.stubEnv('SIGSTORE_ID_TOKEN', tokenOf({ subject: WORKFLOW, issuer: ISSUER }));
  const away = await attest('http://127.0.0.1:1');
  expect(away.exitCode).toBe(75);
  expect(away.stderr).toContain('Sigstore did not sign');
  await folder.write({ 'empty.json': '' });
  const args = ['verify-attestation', 'shop.zip', '--identity', WORKFLOW];
  expect((await layersmith(...args)).exitCode).toBe(64);
  expect((await layersmith(...args, '--trusted-root', 'nowhere.json')).exitCode).toBe(64);
  expect((await layersmith('attest', 'shop.zip', '--sigstore', '--key', 'a.pem')).exitCode).toBe(64);
  expect((await layersmith('attest', 'shop.zip', '--sigstore', '--rekor-url', 'x')).exitCode).toBe(64);
});

import { createPublicKey, verify } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { sha256 } from '../../../src/core/digest.js';
import { newSigningKey, readSigningKey } from '../../../src/core/signing-key.js';
import { provenanceOf } from '../../../src/layer/provenance.js';
import { fakeIo } from '../../support/fake-io.js';
import { recordWith } from '../../support/layer-record.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

const PEM = newSigningKey();
const OURS = readSigningKey(PEM, 'ours');
const THEIRS = readSigningKey(newSigningKey(), 'theirs');
const BUILDER = 'https://ci.example/acme';

let folder: TemporaryFolder;

/** The provenance of a layer whose zip has these bytes. */
function provenance(zip: string): string {
  const record = recordWith({ layer: { file: 'shop.zip', sha256: sha256(zip), sizeBytes: zip.length } });
  const run = { builderId: BUILDER, invocationId: 'a', startedOn: undefined, finishedOn: undefined };
  return `${JSON.stringify(provenanceOf(record, { run, byproducts: [] }), undefined, 2)}\n`;
}

beforeEach(async () => {
  folder = await temporaryFolder();
  await folder.write({ 'shop.zip': 'zip', 'shop.provenance.json': provenance('zip'), 'ours.pem': PEM });
});

afterEach(() => folder[Symbol.asyncDispose]());

async function layersmith(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const io = fakeIo(folder.path, { env });
  const exitCode = await run(args, io);
  return { exitCode, stdout: io.stdout(), stderr: io.stderr() };
}

const attest = (...args: readonly string[]) => layersmith(['attest', 'shop.zip', ...args]);
const verifyIt = (...args: readonly string[]) =>
  layersmith(['verify-attestation', 'shop.zip', '--key', OURS.publicKey, ...args]);
const envelope = (): Promise<string> => readFile(join(folder.path, 'shop.intoto.jsonl'), 'utf8');

describe('attest', () => {
  test('writes one line beside the zip, the same each time, with a signature as the DSSE specification says', async () => {
    const { exitCode, stdout } = await attest('--key', 'ours.pem');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`${join(folder.path, 'shop.intoto.jsonl')}\n`);
    const text = await envelope();
    expect(text).toMatch(/^[^\n]*\n$/);
    await attest('--key', 'ours.pem');
    expect(await envelope()).toBe(text);
    const { payload, payloadType, signatures } = JSON.parse(text) as {
      payload: string;
      payloadType: string;
      signatures: { keyid: string; sig: string }[];
    };
    expect(payloadType).toBe('application/vnd.in-toto+json');
    const body = Buffer.from(payload, 'base64').toString();
    expect(body).toBe(provenance('zip'));
    // Written out, so that the product's own code does not judge itself.
    const signed = `DSSEv1 28 application/vnd.in-toto+json ${Buffer.byteLength(body)} ${body}`;
    const [first] = signatures;
    expect(first?.keyid).toBe(OURS.id);
    const key = createPublicKey(PEM);
    expect(verify(null, Buffer.from(signed), key, Buffer.from(first?.sig ?? '', 'base64'))).toBe(true);
  });

  test('takes the key of the environment, as text or as a file', async () => {
    for (const value of [PEM, 'ours.pem']) {
      const { exitCode, stdout } = await layersmith(['attest', 'shop.zip', '--json'], {
        LAYERSMITH_SIGNING_KEY: value,
      });
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ sha256: sha256(await envelope()), keys: [OURS.id] });
    }
  });

  test('without a key, or with something else, is a usage error that quotes no key', async () => {
    expect((await attest()).exitCode).toBe(64);
    expect((await attest('--key', 'nowhere.pem')).stderr).toContain('nowhere.pem');
    await folder.write({ 'odd.pem': '-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n' });
    const odd = await attest('--key', 'odd.pem');
    expect(odd.exitCode).toBe(64);
    expect(odd.stderr).not.toContain('s3cret');
  });

  test('refuses a zip without provenance, and provenance of another zip', async () => {
    await folder.write({ 'other.zip': 'other' });
    expect((await layersmith(['attest', 'other.zip', '--key', 'ours.pem'])).exitCode).toBe(73);
    await folder.write({ 'shop.zip': 'changed' });
    const { exitCode, stderr } = await attest('--key', 'ours.pem');
    expect(exitCode).toBe(76);
    expect(stderr).toContain(sha256('changed'));
  });
});

describe('verify-attestation', () => {
  beforeEach(async () => {
    await attest('--key', 'ours.pem');
  });

  test('names the key and the builder', async () => {
    const { exitCode, stdout, stderr } = await verifyIt();
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${join(folder.path, 'shop.zip')}\n` });
    expect(stderr).toContain(`built by ${BUILDER}`);
    const { stdout: json } = await verifyIt('--json', '--builder-id', BUILDER);
    expect(JSON.parse(json)).toMatchObject({
      sha256: sha256('zip'),
      attestation: { sha256: sha256(await envelope()) },
      builder: BUILDER,
    });
  });

  test('takes the trusted keys of layersmith.yaml, and files in PEM or as `keys new` prints them', async () => {
    await folder.write({
      'layersmith.yaml': `trustedKeys: { theirs: ${THEIRS.publicKey}, acme: ${OURS.publicKey} }\n`,
      'ci.pub': `acme-ci: ${OURS.publicKey}\n`,
      'pem.pub': createPublicKey(PEM).export({ type: 'spki', format: 'pem' }).toString(),
    });
    const signer = async (...args: readonly string[]): Promise<unknown> =>
      (
        JSON.parse((await layersmith(['verify-attestation', 'shop.zip', '--json', ...args])).stdout) as {
          signer: unknown;
        }
      ).signer;
    expect(await signer()).toBe('acme');
    expect(await signer('--key', 'ci.pub')).toBe('ci');
    expect(await signer('--key', 'pem.pub')).toBe('pem');
  });

  test('finds the zip under another name', async () => {
    await folder.write({ 'renamed.zip': 'zip', 'renamed.intoto.jsonl': await envelope() });
    const args = ['verify-attestation', 'renamed.zip', '--key', OURS.publicKey];
    expect((await layersmith(args)).exitCode).toBe(0);
  });

  test.each<[string, () => Promise<void>, string]>([
    ['of another zip', () => folder.write({ 'shop.zip': 'changed' }), 'about another zip'],
    [
      'with a changed payload',
      async () => {
        const payload = Buffer.from(provenance('zip').replace('acme', 'evil')).toString('base64');
        const json = { ...(JSON.parse(await envelope()) as object), payload };
        await folder.write({ 'shop.intoto.jsonl': JSON.stringify(json) });
      },
      'not signed by a trusted key',
    ],
    ['that is not one', () => folder.write({ 'shop.intoto.jsonl': '{}' }), 'not a valid attestation'],
    ['that is not JSON', () => folder.write({ 'shop.intoto.jsonl': '{' }), 'not a valid attestation'],
  ])('refuses an attestation %s', async (_name, change, message) => {
    await change();
    const { exitCode, stderr } = await verifyIt();
    expect(exitCode).toBe(76);
    expect(stderr).toContain(message);
  });

  test('refuses one of another key, of another builder, and none', async () => {
    const other = await layersmith(['verify-attestation', 'shop.zip', '--key', THEIRS.publicKey]);
    expect(other.exitCode).toBe(76);
    expect(other.stderr).toContain(OURS.id);
    expect((await verifyIt('--builder-id', 'https://ci.example/other')).exitCode).toBe(76);
    await folder.write({ 'bare.zip': 'zip' });
    const bare = await layersmith(['verify-attestation', 'bare.zip', '--key', OURS.publicKey]);
    expect(bare.exitCode).toBe(76);
    expect(bare.stderr).toContain('there is no');
  });

  test('without a trusted key is a usage error', async () => {
    expect((await layersmith(['verify-attestation', 'shop.zip'])).exitCode).toBe(64);
    const odd = await layersmith(['verify-attestation', 'shop.zip', '--key', 'shop.zip']);
    expect(odd.exitCode).toBe(64);
    expect(odd.stderr).toContain('no public Ed25519 key');
  });
});

describe('publish', () => {
  test('refuses an attestation of another zip before it calls AWS', async () => {
    await attest('--key', 'ours.pem');
    await writeFile(join(folder.path, 'shop.zip'), 'changed');
    const { exitCode, stderr } = await layersmith(
      ['publish', 'shop.zip', '--name', 'shop', '--force', '--region', 'eu-west-1'],
      { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' },
    );
    expect(exitCode).toBe(77);
    expect(stderr).toContain('about another zip');
  });
});

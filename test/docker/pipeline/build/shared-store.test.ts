import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256OfFile } from '../../../../src/core/digest.js';
import { seal } from '../../../../src/core/dsse.js';
import { newSigningKey, readSigningKey } from '../../../../src/core/signing-key.js';
import type { Ended } from '../../../support/cli.js';
import { luaSources } from '../../../support/lua-sources.js';
import { PIP_INSTALL_MS, startMoto, TEST_CREDENTIALS, type Moto } from '../../../support/moto.js';
import { BUCKET, createBucket, ownBucket } from '../../../support/s3.js';
import { expectTidy, Workplace } from '../../../support/workplace.js';

// Machines that share a store in S3: each has a folder, an output folder and a home of its own.

const NAME = 'lua-5.4.7-provided.al2023-x86_64';
const STORE = `s3://${BUCKET}/layersmith`;
const KEY = newSigningKey();
const { publicKey } = readSigningKey(KEY, 'it');

let moto: Moto;
let sources: string;
let first: Workplace;
let built: Ended;
let digest: string;

beforeAll(async () => {
  moto = await startMoto();
  await createBucket(moto.url);
  sources = await luaSources();
  first = await machine();
  const key = join(first.dir, 'ci.pem');
  await writeFile(key, KEY);
  built = await build(first, ['--sources', sources, '--share', '--signing-key', key]);
  digest = await sha256OfFile(join(first.out, `${NAME}.zip`));
}, PIP_INSTALL_MS + 300_000);

afterAll(async () => {
  await first[Symbol.asyncDispose]();
  await moto[Symbol.asyncDispose]();
});

/** A machine with the project, which trusts the key of CI. */
async function machine(): Promise<Workplace> {
  const workplace = await Workplace.make();
  await writeFile(
    join(workplace.dir, 'layersmith.yaml'),
    `store: ${STORE}\ntrustedKeys: { ci: '${publicKey}' }\n`,
  );
  return workplace;
}

const environment = (url = moto.url): Readonly<Record<string, string | undefined>> => ({
  ...{ ...TEST_CREDENTIALS, AWS_ENDPOINT_URL_S3: url },
  ...{ AWS_PROFILE: undefined, AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
  // Sources come from --sources or the shared store alone.
  ...{ https_proxy: 'http://127.0.0.1:1', LAYERSMITH_DEBIAN_MIRROR: undefined },
});

function build(workplace: Workplace, more: readonly string[], url?: string): Promise<Ended> {
  return workplace.build('lua', more, { cwd: workplace.dir, env: environment(url) });
}

test('a build that shares compiles, and the layer is the same as without', async () => {
  expect(built).toMatchObject({ exitCode: 0 });
  expect(built.stderr).toMatch(/^lua\/5\.4: started$/m);
  expect(built.stderr).not.toContain('warning');
  await expectTidy(first, built);
});

test('a second machine compiles nothing, tests the layer, and has the same zip', async () => {
  await using second = await machine();
  const ended = await build(second, ['--builder-id', 'urn:second']);
  expect(ended).toMatchObject({ exitCode: 0, stdout: `${join(second.out, `${NAME}.zip`)}\n` });
  expect(ended.stderr).toContain(`lua/5.4: from ${STORE}\n`);
  expect(ended.stderr).toMatch(/^smoke tests: done in /m);
  expect(ended.stderr).not.toMatch(/^lua\/5\.4: started$|^layer: |warning/m);
  expect(await sha256OfFile(join(second.out, `${NAME}.zip`))).toBe(digest);
  // Not even the artifact and the sources are fetched.
  expect(await readdir(join(second.store, 'artifacts'))).toEqual([]);
  // The provenance too: it names who built the layer.
  for (const file of [`${NAME}.cdx.json`, `${NAME}.provenance.json`])
    expect(await readFile(join(second.out, file), 'utf8')).toBe(
      await readFile(join(first.out, file), 'utf8'),
    );
  await expectTidy(second, ended);
});

test('`plan` and `matrix` say what is in the shared store', async () => {
  await using second = await machine();
  const options = { cwd: second.dir, env: environment() };
  const places = ['--toolchain', 'debian', '--store', second.store];
  const plan = await second.run(['plan', 'lua', ...places], options);
  expect(plan.stdout).toMatch(/^lua\/5\.4 .* in the shared store$/m);
  expect(plan.stdout).toMatch(/^the layer is in the shared store, built and tested$/m);
  const json = await second.run(['plan', 'lua', ...places, '--json'], options);
  expect(JSON.parse(json.stdout)).toMatchObject({
    shared: true,
    stages: [{ stage: 'lua/5.4', shared: true }],
  });
  const matrix = await second.run(['matrix', 'lua', '--json', ...places], options);
  expect(JSON.parse(matrix.stdout)).toMatchObject({ include: [] });
  const other = await second.run(['matrix', 'lua', '--json', '--arch', 'arm64', ...places], options);
  expect(JSON.parse(other.stdout)).toMatchObject({ include: [{ arch: 'arm64' }] });
});

test('a machine that trusts no key compiles everything, with a warning', async () => {
  await using second = await Workplace.make();
  await writeFile(join(second.dir, 'layersmith.yaml'), `store: ${STORE}\n`);
  const ended = await build(second, ['--sources', sources]);
  expect(ended.exitCode).toBe(0);
  expect(ended.stderr).toMatch(/^lua\/5\.4: started$/m);
  expect(ended.stderr).toMatch(/^warning: .* is not signed by a trusted key/m);
  expect(await sha256OfFile(join(second.out, `${NAME}.zip`))).toBe(digest);
  const strict = await build(second, ['--require-signatures', '--store', join(second.dir, 'new')]);
  expect(strict.exitCode).toBe(76);
});

test('with the shared store down everything is compiled, with one warning', async () => {
  await using second = await machine();
  const ended = await build(second, ['--sources', sources], 'http://127.0.0.1:1');
  expect(ended.exitCode).toBe(0);
  expect(ended.stderr).toMatch(/^lua\/5\.4: started$/m);
  expect(ended.stderr.match(/^warning: /gm)).toHaveLength(1);
  expect(ended.stderr).toContain(`warning: the shared store ${STORE}: it does not answer`);
  expect(await sha256OfFile(join(second.out, `${NAME}.zip`))).toBe(digest);
});

test('`verify --shared` compiles a sample again and compares it', async () => {
  await using second = await machine();
  const args = ['verify', 'lua', '--shared', '5%', '--toolchain', 'debian', '--store', second.store];
  const ended = await second.run(args, { cwd: second.dir, env: environment() });
  expect(ended.exitCode).toBe(0);
  expect(ended.stdout).toMatch(/^same +lua\/5\.4 +sha256 [0-9a-f]{64}\nthe same bytes: 1 of 1\n$/);
  await expectTidy(second, ended);
});

describe('a store whose objects were changed', () => {
  test('costs no build: the layer is made of what is left, with a warning that has both digests', async () => {
    const bucket = ownBucket(moto.url);
    for (const name of await bucket.names('.zip')) await bucket.replace(name, 'no layer');
    await using second = await machine();
    const ended = await build(second, []);
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toMatch(
      new RegExp(`^warning: lua/5.4 of the shared store is not used: .*expected ${digest}; actual `, 'm'),
    );
    // Its artifact is still right.
    expect(ended.stderr).toContain(`lua/5.4: from ${STORE}\n`);
    expect(ended.stderr).toMatch(/^layer: done in /m);
    expect(await sha256OfFile(join(second.out, `${NAME}.zip`))).toBe(digest);
    const strict = await build(second, ['--require-signatures', '--store', join(second.dir, 'new')]);
    expect(strict.exitCode).toBe(76);
  });

  test('is named when the true bytes are to be shared', async () => {
    // A record with another artifact, signed by the same key: the stage of somebody is not reproducible.
    const bucket = ownBucket(moto.url);
    const [name = ''] = await bucket.names('/artifacts/');
    const envelope = JSON.parse(await bucket.text(name)) as { payloadType: string; payload: string };
    const record = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as object;
    const other = 'c'.repeat(64);
    const forged = seal(JSON.stringify({ ...record, sha256: other }), {
      payloadType: envelope.payloadType,
      keys: [readSigningKey(KEY, 'it')],
    });
    await bucket.replace(name, JSON.stringify(forged));
    const key = join(first.dir, 'ci.pem');
    const ended = await build(first, ['--share', '--signing-key', key]);
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toMatch(
      new RegExp(`^warning: lua/5.4 has other bytes in .*sha256 ${other} there, [0-9a-f]{64} here`, 'm'),
    );
  });
});

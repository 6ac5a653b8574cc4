import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/cli/run.js';
import { sha256OfFile } from '../../src/core/digest.js';
import { startCli, type Ended } from '../support/cli.js';
import { fakeIo } from '../support/fake-io.js';
import { startMoto, TEST_CREDENTIALS, type Moto } from '../support/moto.js';
import { startSigner, type SignerServer } from '../support/signer.js';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';

// `publish --signing-profile` against moto, which has profiles, buckets and layers, but no signing jobs.

const REGION = 'eu-west-1';
const BUCKET = 'versioned';
const SIGNED_KEY = 'layersmith/signed/job-1.zip';
const DONE = { status: 'Succeeded', signedObject: { s3: { bucketName: BUCKET, key: SIGNED_KEY } } };

let moto: Moto;
let folder: TemporaryFolder;
let zip: string;

const aws = (...args: readonly string[]): Promise<unknown> => moto.awsCli([...args, '--region', REGION]);

beforeAll(async () => {
  moto = await startMoto();
  folder = await temporaryFolder();
  zip = join(folder.path, 'layer.zip');
  await writeFile(zip, randomBytes(1000));
  await writeFile(join(folder.path, 'signed.zip'), randomBytes(1200));
  for (const bucket of [BUCKET, 'plain']) {
    await aws(
      ...['s3api', 'create-bucket', '--bucket', bucket],
      ...['--create-bucket-configuration', `LocationConstraint=${REGION}`],
    );
  }
  const versioning = ['--versioning-configuration', 'Status=Enabled'];
  await aws('s3api', 'put-bucket-versioning', '--bucket', BUCKET, ...versioning);
  const signed = join(folder.path, 'signed.zip');
  await aws('s3api', 'put-object', '--bucket', BUCKET, '--key', SIGNED_KEY, '--body', signed);
  const profile = ['--platform-id', 'AWSLambda-SHA384-ECDSA'];
  await aws('signer', 'put-signing-profile', '--profile-name', 'acme', ...profile);
  const other = ['--platform-id', 'AWSIoTDeviceManagement-SHA256-ECDSA'];
  await aws('signer', 'put-signing-profile', '--profile-name', 'things', ...other);
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await moto[Symbol.asyncDispose]();
});

function publish(
  { url }: Pick<SignerServer, 'url'>,
  {
    name,
    profile = 'acme',
    bucket = BUCKET,
  }: { readonly name: string; readonly profile?: string; readonly bucket?: string },
): Promise<Ended> {
  const args = ['publish', zip, '--name', name, '--region', REGION, '--force', '--json'];
  return startCli([...args, '--signing-profile', profile, '--s3-bucket', bucket], {
    cwd: folder.path,
    env: {
      ...{ HOME: folder.path, AWS_PROFILE: undefined, AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
      ...{ ...TEST_CREDENTIALS, AWS_ENDPOINT_URL: url },
    },
  }).ended;
}

test('the signed object is published, and Lambda must have received it', async () => {
  await using signer = await startSigner(moto.url, { jobs: [{ status: 'InProgress' }, DONE] });
  const ended = await publish(signer, { name: 'signed' });
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(signer.started).toEqual([
    {
      profileName: 'acme',
      clientRequestToken: expect.any(String) as string,
      source: {
        s3: {
          bucketName: BUCKET,
          key: `layersmith/${await sha256OfFile(zip)}.zip`,
          version: expect.any(String) as string,
        },
      },
      destination: { s3: { bucketName: BUCKET, prefix: 'layersmith/signed/' } },
    },
  ]);
  const which = ['--layer-name', 'signed', '--version-number', '1'];
  const { Content, Description } = (await aws('lambda', 'get-layer-version', ...which)) as {
    readonly Content: { readonly CodeSha256: string };
    readonly Description: string;
  };
  const sha256 = await sha256OfFile(join(folder.path, 'signed.zip'));
  expect(Content.CodeSha256).toBe(Buffer.from(sha256, 'hex').toString('base64'));
  expect(Description).toMatch(new RegExp(`sha256 ${await sha256OfFile(zip)}, signed$`));
});

test('a version that was signed with the profile is not published again; one of another profile is', async () => {
  const answer = (profile: string): object => ({
    Content: {
      CodeSha256: 'other bytes',
      SigningProfileVersionArn: `arn:aws:signer:${REGION}:123456789012:/signing-profiles/${profile}/abc`,
    },
  });
  const path = '/2018-10-31/layers/signed/versions/1';
  await using same = await startSigner(moto.url, { jobs: [DONE], layers: { [path]: answer('acme') } });
  const present = await publish(same, { name: 'signed' });
  expect(JSON.parse(present.stdout)).toMatchObject({ layers: [{ status: 'present', version: 1 }] });
  expect(same.started).toEqual([]);
  await using other = await startSigner(moto.url, { jobs: [DONE], layers: { [path]: answer('acme2') } });
  const anew = await publish(other, { name: 'signed' });
  expect(JSON.parse(anew.stdout)).toMatchObject({ layers: [{ status: 'published', version: 2 }] });
});

test('a failed job is an error with the reason of AWS Signer', async () => {
  const failed = { status: 'Failed', statusReason: 'the zip is not signable' };
  await using signer = await startSigner(moto.url, { jobs: [failed] });
  const ended = await publish(signer, { name: 'failed' });
  expect(ended.exitCode).toBe(77);
  expect(ended.stderr).toContain('job-1 in eu-west-1 is Failed');
});

test.each([
  ['a profile for something else', { profile: 'things' }, 'AWSIoTDeviceManagement'],
  ['a profile that does not exist', { profile: 'nowhere' }, 'nowhere'],
  ['a bucket without versions', { bucket: 'plain' }, 'does not keep versions'],
])('%s is refused before a job starts', async (_name, options, message) => {
  await using signer = await startSigner(moto.url, { jobs: [DONE] });
  const ended = await publish(signer, { name: 'refused', ...options });
  expect(ended.exitCode).not.toBe(0);
  expect(ended.stderr).toContain(message);
  expect(signer.started).toEqual([]);
});

test('--signing-profile without a bucket is a usage error', async () => {
  const io = fakeIo(folder.path);
  expect(await run(['publish', zip, '--name', 'a', '--force', '--signing-profile', 'acme'], io)).toBe(64);
  expect(io.stderr()).toContain('needs --s3-bucket');
});

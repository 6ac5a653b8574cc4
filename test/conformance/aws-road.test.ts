import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { sha256OfFile } from '../../src/core/digest.js';
import { fileEntry } from '../../src/tree/tree-entry.js';
import { writeZip } from '../../src/tree/zip-writer.js';
import { startFaultServer, type Fault, type FaultServer } from '../support/aws-faults.js';
import { builtLayer } from '../support/built-layer.js';
import { packageRoot, startCli, type Ended } from '../support/cli.js';
import { manifestStage, manifestWith } from '../support/manifest.js';
import { startMoto, TEST_CREDENTIALS, type Moto } from '../support/moto.js';
import { realEngine } from '../support/real-engine.js';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';

// publish, prune, deploy and invoke --remote against moto's server, looked at with AWS's own command line.

const ROLE_ARN = 'arn:aws:iam::123456789012:role/given';

let moto: Moto;
let folder: TemporaryFolder;

beforeAll(async () => {
  moto = await startMoto();
  folder = await temporaryFolder();
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await moto[Symbol.asyncDispose]();
});

interface Options {
  readonly url?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
}

async function layersmith(
  args: readonly string[],
  { url = moto.url, env = {}, input }: Options = {},
): Promise<Ended> {
  const ended = await startCli(args, {
    cwd: folder.path,
    env: {
      ...{ HOME: folder.path, AWS_PROFILE: undefined, AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
      ...{ ...TEST_CREDENTIALS, AWS_ENDPOINT_URL: url },
      ...env,
    },
    ...(input === undefined ? {} : { input }),
  }).ended;
  expect(ended.stdout + ended.stderr).not.toContain(TEST_CREDENTIALS.AWS_SECRET_ACCESS_KEY);
  return ended;
}

interface LayerParts {
  readonly sizeBytes?: number;
  readonly record?: Readonly<Record<string, unknown>>;
}

/** A layer zip of random bytes, with the record of a build beside it. */
async function layer(name: string, { sizeBytes = 1000, record = {} }: LayerParts = {}): Promise<string> {
  const zip = join(folder.path, `${name}.zip`);
  await writeZip(zip, [fileEntry('lib/random', randomBytes(sizeBytes))]);
  const sha256 = await sha256OfFile(zip);
  const licenses = ['Zlib', 'PHP-3.01 AND Zend-2.0', 'Zlib'];
  const stages = licenses.map((license) => manifestStage({ recipe: 'php/8.4', license }));
  const text = {
    ...manifestWith({ recipe: 'php/8.4', version: '8.4.24', stages }),
    layer: { file: `${name}.zip`, sha256, sizeBytes },
    toolchainReason: 'wanted',
    audit: { platform: 'provided.al2023' },
    smokeTests: { runtimeDigest: 'sha256:0', programs: 1, invocations: 1 },
    ...record,
  };
  await writeFile(join(folder.path, `${name}.manifest.json`), JSON.stringify(text));
  return zip;
}

function arnOf(region: string, name: string, version: number): string {
  return `arn:aws:lambda:${region}:123456789012:layer:${name}:${version}`;
}

async function versionsOf(region: string, name: string): Promise<readonly number[]> {
  const list = (await moto.awsCli([
    'lambda',
    'list-layer-versions',
    '--layer-name',
    name,
    '--region',
    region,
  ])) as {
    readonly LayerVersions: readonly { readonly Version: number }[];
  };
  return list.LayerVersions.map(({ Version }) => Version);
}

async function inFrontOfMoto(faultOf: Parameters<typeof startFaultServer>[1]): Promise<FaultServer> {
  return startFaultServer(moto.url, faultOf);
}

const isPublish = ({ method, path }: { readonly method: string; readonly path: string }): boolean =>
  method === 'POST' && path.endsWith('/versions');

describe('publish', () => {
  test('creates a version in each region, described, licensed and shared, as AWS’s own client sees it', async () => {
    const zip = await layer('described');
    await using faults = await inFrontOfMoto(() => undefined);
    const ended = await layersmith(
      [
        ...['publish', zip, '--name', 'described', '--region', 'eu-west-1', '--region', 'us-east-1'],
        ...['--public', '--organization', 'o-abc123defg', '--account', '210987654321'],
      ],
      faults,
    );
    expect(ended).toMatchObject({
      exitCode: 0,
      stdout: `${arnOf('eu-west-1', 'described', 1)}\n${arnOf('us-east-1', 'described', 1)}\n`,
    });
    const sha256 = await sha256OfFile(zip);
    const which = ['--layer-name', 'described', '--version-number', '1', '--region', 'us-east-1'];
    expect(await moto.awsCli(['lambda', 'get-layer-version', ...which])).toMatchObject({
      LayerVersionArn: arnOf('us-east-1', 'described', 1),
      Description: `php/8.4 8.4.24, by layersmith 0.1.0, sha256 ${sha256}`,
      LicenseInfo: 'Zlib AND (PHP-3.01 AND Zend-2.0)',
      CompatibleRuntimes: ['provided.al2023'],
      CompatibleArchitectures: ['x86_64'],
      Content: { CodeSha256: Buffer.from(sha256, 'hex').toString('base64') },
    });
    const answer = (await moto.awsCli(['lambda', 'get-layer-version-policy', ...which])) as {
      readonly Policy: string;
    };
    const { Statement } = JSON.parse(answer.Policy) as { readonly Statement: readonly object[] };
    expect(Statement).toMatchObject([
      { Sid: 'layersmith-everyone', Principal: '*', Action: 'lambda:GetLayerVersion' },
      { Sid: 'layersmith-o-abc123defg', Principal: '*' },
      { Sid: 'layersmith-210987654321', Principal: '210987654321' },
    ]);
    // moto does not keep the organisation.
    const asked = faults.seen.filter(({ body }) => body.includes('layersmith-o-abc123defg'));
    expect(asked.map(({ region, body }) => [region, JSON.parse(body) as unknown]).sort()).toMatchObject(
      ['eu-west-1', 'us-east-1'].map((region) => [
        region,
        { Action: 'lambda:GetLayerVersion', Principal: '*', OrganizationId: 'o-abc123defg' },
      ]),
    );
  });

  test('names the attestation beside the zip', async () => {
    const zip = await layer('attested');
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'attested.zip', digest: { sha256: await sha256OfFile(zip) } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: { buildDefinition: { buildType: 'a' }, runDetails: { builder: { id: 'b' } } },
    };
    await writeFile(join(folder.path, 'attested.provenance.json'), JSON.stringify(statement));
    await layersmith(['keys', 'new', 'attested.pem']);
    expect(await layersmith(['attest', zip, '--key', 'attested.pem'])).toMatchObject({ exitCode: 0 });
    const args = ['publish', zip, '--name', 'attested', '--region', 'eu-west-1'];
    expect(await layersmith(args)).toMatchObject({ exitCode: 0 });
    const which = ['--layer-name', 'attested', '--version-number', '1', '--region', 'eu-west-1'];
    const { Description } = (await moto.awsCli(['lambda', 'get-layer-version', ...which])) as {
      readonly Description: string;
    };
    const digest = await sha256OfFile(join(folder.path, 'attested.intoto.jsonl'));
    expect(Description).toMatch(new RegExp(`, sha256 [0-9a-f]{64}, attestation ${digest}$`));
    expect(Description.length).toBeLessThanOrEqual(256);
  });

  test('does not publish the same layer again, and creates a new version for a changed one', async () => {
    const zip = await layer('again');
    const args = ['--name', 'again', '--region', 'eu-west-1', '--public'];
    await layersmith(['publish', zip, ...args]);
    const second = await layersmith(['publish', zip, ...args, '--json']);
    expect(JSON.parse(second.stdout)).toEqual({
      name: 'again',
      sha256: await sha256OfFile(zip),
      layers: [{ status: 'present', arn: arnOf('eu-west-1', 'again', 1), version: 1, region: 'eu-west-1' }],
      failed: [],
    });
    expect(second.stderr).toContain('already published');
    const third = await layersmith(['publish', await layer('again-changed'), ...args]);
    expect(third.stdout).toBe(`${arnOf('eu-west-1', 'again', 2)}\n`);
    // The older one is found too, and one that somebody else published without a word.
    const fourth = await layersmith(['publish', zip, ...args]);
    expect(fourth.stdout).toBe(`${arnOf('eu-west-1', 'again', 1)}\n`);
    const foreign = await layer('foreign');
    await moto.awsCli([
      ...['lambda', 'publish-layer-version', '--layer-name', 'foreign', '--region', 'eu-west-1'],
      ...['--zip-file', `fileb://${foreign}`],
    ]);
    const fifth = await layersmith(['publish', foreign, '--name', 'foreign', '--region', 'eu-west-1']);
    expect(fifth.stdout).toBe(`${arnOf('eu-west-1', 'foreign', 1)}\n`);
    expect(await versionsOf('eu-west-1', 'foreign')).toEqual([1]);
  });

  test('sends 60 MB through a bucket of each region, once', async () => {
    const zip = await layer('large', { sizeBytes: 60 * 1024 ** 2 });
    const args = ['publish', zip, '--name', 'large', '--region', 'eu-west-1', '--region', 'us-east-1'];
    expect(await layersmith(args)).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining('--s3-bucket') as string,
    });
    for (const region of ['eu-west-1', 'us-east-1'])
      await moto.awsCli([
        ...['s3api', 'create-bucket', '--bucket', `mine-${region}`, '--region', region],
        ...(region === 'us-east-1' ? [] : ['--create-bucket-configuration', `LocationConstraint=${region}`]),
      ]);
    const ended = await layersmith([...args, '--s3-bucket', 'mine-{region}']);
    expect(ended).toMatchObject({
      exitCode: 0,
      stdout: `${arnOf('eu-west-1', 'large', 1)}\n${arnOf('us-east-1', 'large', 1)}\n`,
    });
    const sha256 = await sha256OfFile(zip);
    const which = ['--layer-name', 'large', '--version-number', '1', '--region', 'eu-west-1'];
    expect(await moto.awsCli(['lambda', 'get-layer-version', ...which])).toMatchObject({
      Content: { CodeSha256: Buffer.from(sha256, 'hex').toString('base64') },
    });
    const before = await moto.awsCli(['s3api', 'list-objects-v2', '--bucket', 'mine-eu-west-1']);
    expect(before).toMatchObject({ Contents: [{ Key: `layersmith/${sha256}.zip` }] });
    await layersmith([
      'publish',
      zip,
      '--name',
      'large2',
      '--region',
      'eu-west-1',
      '--s3-bucket',
      'mine-eu-west-1',
    ]);
    expect(await moto.awsCli(['s3api', 'list-objects-v2', '--bucket', 'mine-eu-west-1'])).toEqual(before);
    expect(
      await layersmith([
        'publish',
        zip,
        '--name',
        'large3',
        '--region',
        'eu-west-1',
        '--s3-bucket',
        'there-is-none',
      ]),
    ).toMatchObject({ exitCode: 77, stderr: expect.stringContaining('Create the bucket') as string });
  });

  const vendor = { schemaVersion: 1, kind: 'vendor', layersmith: '0.1.0' };
  test.each([
    ['has no record', { name: 'bare' }, 'there is no '],
    ['was not audited', { name: 'unaudited', record: { ...vendor, audit: undefined } }, 'has no audit'],
    [
      'was not tested',
      { name: 'untested', record: { ...vendor, smokeTests: undefined } },
      'has no smoke tests',
    ],
    [
      'is not the one of the record',
      { name: 'other', record: { layer: { file: 'other.zip', sha256: '0'.repeat(64), sizeBytes: 1 } } },
      'belongs to another zip',
    ],
  ])('refuses a zip that %s, unless forced', async (_what, { name, ...parts }, why) => {
    const zip = await layer(name, parts);
    const args = [
      'publish',
      name === 'bare' ? await bare(zip) : zip,
      '--name',
      name,
      '--region',
      'eu-west-1',
    ];
    const refused = await layersmith(args);
    expect(refused).toMatchObject({ exitCode: 77, stdout: '' });
    expect(refused.stderr).toContain(why);
    expect(await versionsOf('eu-west-1', name)).toEqual([]);
    expect(await layersmith([...args, '--force'])).toMatchObject({ exitCode: 0 });
  });

  async function bare(zip: string): Promise<string> {
    const copy = join(folder.path, 'without-record.zip');
    await writeZip(copy, [fileEntry('lib/random', zip)]);
    return copy;
  }

  test('prints a table and snippets for SAM, CDK, Serverless and Terraform', async () => {
    const zip = await layer('pasted');
    const print = async (format: string): Promise<string> => {
      const regions = ['--region', 'us-east-1', '--region', 'eu-west-1'];
      return (await layersmith(['publish', zip, '--name', 'pasted', ...regions, '--format', format])).stdout;
    };
    const arns = {
      'eu-west-1': arnOf('eu-west-1', 'pasted', 1),
      'us-east-1': arnOf('us-east-1', 'pasted', 1),
    };
    expect(await print('markdown')).toBe(
      [
        '| Region    | Layer version ARN                                      |',
        '| --------- | ------------------------------------------------------ |',
        `| eu-west-1 | \`${arns['eu-west-1']}\` |`,
        `| us-east-1 | \`${arns['us-east-1']}\` |`,
        '',
      ].join('\n'),
    );
    const tag = { tag: '!FindInMap', collection: 'seq' as const, resolve: (seq: unknown) => seq };
    expect(
      parse(await print('sam'), { customTags: [{ ...tag, identify: () => false }], logLevel: 'error' }),
    ).toMatchObject({
      Mappings: {
        Layers: { 'eu-west-1': { Arn: arns['eu-west-1'] }, 'us-east-1': { Arn: arns['us-east-1'] } },
      },
      Resources: {
        Hello: { Properties: { Runtime: 'provided.al2023', Architectures: ['x86_64'], Handler: 'hello' } },
      },
    });
    expect(parse(await print('serverless'))).toMatchObject({
      provider: { runtime: 'provided.al2023', architecture: 'x86_64' },
      custom: { layers: arns },
      functions: { hello: { layers: ['${self:custom.layers.${aws:region}}'] } },
    });
    const cdk = await print('cdk');
    expect(cdk).toContain(`  'eu-west-1': '${arns['eu-west-1']}',\n  'us-east-1': '${arns['us-east-1']}',\n`);
    expect(cdk).toContain('runtime: lambda.Runtime.PROVIDED_AL2023');
    const terraform = await print('terraform');
    expect(terraform).toContain(`    "us-east-1" = "${arns['us-east-1']}"\n`);
    expect(terraform).toContain('architectures    = ["x86_64"]');
  });
});

describe('when AWS fails, publish', () => {
  test('waits while it is throttled', async () => {
    const zip = await layer('throttled');
    await using faults = await inFrontOfMoto((request) =>
      request.count <= 3 && request.service === 'lambda'
        ? { status: 429, type: 'TooManyRequestsException', message: 'Rate exceeded' }
        : undefined,
    );
    const ended = await layersmith(
      ['publish', zip, '--name', 'throttled', '--region', 'eu-west-1', '--public'],
      faults,
    );
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${arnOf('eu-west-1', 'throttled', 1)}\n` });
    expect(faults.seen.filter(isPublish)).toHaveLength(4);
  });

  test('tries again when a connection is cut before the request was handled', async () => {
    const zip = await layer('cut');
    await using faults = await inFrontOfMoto(({ count }) => (count <= 2 ? 'cut' : undefined));
    const ended = await layersmith(
      ['publish', zip, '--name', 'cut', '--region', 'eu-west-1', '--public'],
      faults,
    );
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${arnOf('eu-west-1', 'cut', 1)}\n` });
  });

  test('does not publish twice when a connection is cut after the request was handled', async () => {
    const zip = await layer('done');
    await using faults = await inFrontOfMoto((request) =>
      isPublish(request) && request.count === 1 ? 'cutAfter' : undefined,
    );
    const ended = await layersmith(['publish', zip, '--name', 'done', '--region', 'eu-west-1'], faults);
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${arnOf('eu-west-1', 'done', 1)}\n` });
    expect(await versionsOf('eu-west-1', 'done')).toEqual([1]);
    expect(faults.seen.filter(isPublish)).toHaveLength(1);
  });

  test('continues in four regions when the fifth fails, and a second run completes it', async () => {
    const zip = await layer('five');
    const regions = ['eu-west-1', 'eu-central-1', 'us-east-1', 'us-west-2', 'ap-southeast-2'];
    const args = ['publish', zip, '--name', 'five', ...regions.flatMap((region) => ['--region', region])];
    await using faults = await inFrontOfMoto((request) =>
      request.region === 'us-east-1' && isPublish(request)
        ? {
            status: 403,
            type: 'AccessDeniedException',
            message:
              'User: arn:aws:iam::123456789012:user/me is not authorized to perform: lambda:PublishLayerVersion on resource: x',
          }
        : undefined,
    );
    const first = await layersmith([...args, '--json'], faults);
    expect(first.exitCode).toBe(77);
    expect(JSON.parse(first.stdout)).toMatchObject({
      layers: regions
        .filter((region) => region !== 'us-east-1')
        .map((region) => ({ region, status: 'published' })),
      failed: [
        {
          region: 'us-east-1',
          error: expect.stringMatching(
            /\bfive in us-east-1: .*lambda:PublishLayerVersion is not allowed$/,
          ) as string,
        },
      ],
    });
    expect(first.stderr).toContain('Allow lambda:PublishLayerVersion in a policy of');
    const second = await layersmith([...args, '--json']);
    expect(second.exitCode).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({
      layers: regions.map((region) => ({
        region,
        status: region === 'us-east-1' ? 'published' : 'present',
        version: 1,
      })),
      failed: [],
    });
  });

  const refusals: readonly [string, Fault & { readonly status: number }, string][] = [
    [
      'a quota',
      { status: 400, type: 'CodeStorageExceededException', message: 'Code storage limit exceeded.' },
      '75 GB',
    ],
    [
      'unknown credentials',
      {
        status: 403,
        type: 'UnrecognizedClientException',
        message: 'The security token AKIAABCDEFGHIJKLMNOP is invalid.',
      },
      'does not know these credentials',
    ],
    [
      'expired credentials',
      { status: 403, type: 'ExpiredTokenException', message: 'The security token is expired' },
      'have expired',
    ],
    [
      'a parameter that AWS rejects',
      { status: 400, type: 'InvalidParameterValueException', message: 'Could not unzip\nuploaded file.' },
      'InvalidParameterValueException: Could not unzip uploaded file.',
    ],
  ];
  test.each(refusals)('reports %s in one line', async (_what, fault, token) => {
    const zip = await layer('refused');
    await using faults = await inFrontOfMoto((request) => (isPublish(request) ? fault : undefined));
    const ended = await layersmith(['publish', zip, '--name', 'refused', '--region', 'eu-west-1'], faults);
    expect(ended).toMatchObject({ exitCode: 77, stdout: '' });
    const [first = '', second = '', ...rest] = ended.stderr.split('\n');
    expect(first).toMatch(/^error: .*\brefused in eu-west-1: /);
    expect(first).toContain(token);
    expect(second).toMatch(/^ {2}→ \S/);
    expect(rest).toEqual(['']);
    expect(ended.stderr).not.toContain('AKIAABCDEFGHIJKLMNOP');
  });

  test('reports that there are no credentials, no region, or no answer', async () => {
    const args = ['publish', await layer('nobody'), '--name', 'nobody'];
    const none = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
    expect((await layersmith([...args, '--region', 'eu-west-1'], { env: none })).stderr).toContain(
      'no AWS credentials found',
    );
    expect((await layersmith(args)).stderr).toContain('no region given');
    expect((await layersmith([...args, '--region', 'europe'])).exitCode).toBe(64);
    const away = await layersmith([...args, '--region', 'eu-west-1', '--endpoint-url', 'http://127.0.0.1:9']);
    expect(away).toMatchObject({ exitCode: 77, stderr: expect.stringContaining('--endpoint-url') as string });
  });

  test('takes credentials and the region of a profile', async () => {
    await folder.write({
      '.aws/config': '[profile work]\nregion = eu-north-1\n',
      '.aws/credentials': '[work]\naws_access_key_id = profiled\naws_secret_access_key = another-secret\n',
    });
    const ended = await layersmith(
      [
        'publish',
        await layer('profiled'),
        '--name',
        'profiled',
        '--profile',
        'work',
        '--endpoint-url',
        moto.url,
      ],
      {
        env: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_ENDPOINT_URL: undefined },
      },
    );
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${arnOf('eu-north-1', 'profiled', 1)}\n` });
  });
});

test('prune keeps the given number of versions, and lists them first with --dry-run', async () => {
  for (const number of [1, 2, 3, 4])
    await layersmith(['publish', await layer(`old-${number}`), '--name', 'old', '--region', 'eu-west-1']);
  const args = ['prune', '--name', 'old', '--keep', '2', '--region', 'eu-west-1', '--region', 'us-west-1'];
  const dry = await layersmith([...args, '--dry-run']);
  expect(dry).toMatchObject({
    exitCode: 0,
    stdout: `would be deleted ${arnOf('eu-west-1', 'old', 1)}\nwould be deleted ${arnOf('eu-west-1', 'old', 2)}\n`,
  });
  expect(await versionsOf('eu-west-1', 'old')).toEqual([4, 3, 2, 1]);
  const ended = await layersmith([...args, '--json']);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    regions: [
      { region: 'eu-west-1', deleted: [arnOf('eu-west-1', 'old', 1), arnOf('eu-west-1', 'old', 2)] },
      { region: 'us-west-1', deleted: [] },
    ],
  });
  expect(await versionsOf('eu-west-1', 'old')).toEqual([4, 3]);
  expect(await layersmith(['prune', '--name', 'old', '--keep', '0', '--region', 'eu-west-1'])).toMatchObject({
    exitCode: 64,
  });
});

describe('deploy', () => {
  async function code(name: string, text: string): Promise<string> {
    const zip = join(folder.path, `${name}.zip`);
    await writeZip(zip, [fileEntry('src/hello.php', text)]);
    return zip;
  }
  const configuration = (name: string): Promise<unknown> =>
    moto.awsCli(['lambda', 'get-function-configuration', '--function-name', name, '--region', 'eu-west-1']);

  test('creates a function with a role that Lambda can assume, and later changes only what differs', async () => {
    const layerArn = (
      await layersmith(['publish', await layer('base'), '--name', 'base', '--region', 'eu-west-1'])
    ).stdout.trim();
    const zip = await code('created', '<?php // one');
    const args = (file: string): readonly string[] => [
      ...['deploy', file, '--name', 'created', '--handler', 'hello', '--region', 'eu-west-1'],
    ];
    const created = await layersmith([
      ...args(zip),
      '--layer',
      layerArn,
      '--env',
      'TOKEN=do-not-print',
      '--timeout',
      '7',
    ]);
    expect(created).toMatchObject({
      exitCode: 0,
      stdout: 'arn:aws:lambda:eu-west-1:123456789012:function:created\n',
    });
    expect(created.stderr).toMatch(/created .*arn:aws:iam::123456789012:role\/created-role/);
    expect(created.stderr).not.toContain('do-not-print');
    expect(await configuration('created')).toMatchObject({
      ...{ Runtime: 'provided.al2023', Handler: 'hello', Timeout: 7, State: 'Active' },
      ...{ Role: 'arn:aws:iam::123456789012:role/created-role', Layers: [{ Arn: layerArn }] },
      CodeSha256: Buffer.from(await sha256OfFile(zip), 'hex').toString('base64'),
      Environment: { Variables: { TOKEN: 'do-not-print' } },
    });
    expect(await moto.awsCli(['iam', 'get-role', '--role-name', 'created-role'])).toMatchObject({
      Role: {
        AssumeRolePolicyDocument: {
          Statement: [
            { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
          ],
        },
      },
    });
    expect(
      await moto.awsCli(['iam', 'list-attached-role-policies', '--role-name', 'created-role']),
    ).toMatchObject({
      AttachedPolicies: [{ PolicyArn: 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole' }],
    });
    expect((await layersmith([...args(zip), '--layer', layerArn])).stderr).toContain('unchanged, and active');
    const changed = await layersmith([
      ...args(await code('changed', '<?php // two')),
      '--memory',
      '512',
      '--json',
    ]);
    expect(JSON.parse(changed.stdout)).toMatchObject({ status: 'updated', changed: ['code', 'settings'] });
    expect(await configuration('created')).toMatchObject({
      ...{ MemorySize: 512, Timeout: 7, Layers: [{ Arn: layerArn }] },
      CodeSha256: Buffer.from(await sha256OfFile(join(folder.path, 'changed.zip')), 'hex').toString('base64'),
      Environment: { Variables: { TOKEN: 'do-not-print' } },
    });
    // The code alone, without a handler.
    const third = await code('third', '<?php // three');
    const codeOnly = ['deploy', third, '--name', 'created', '--region', 'eu-west-1', '--json'];
    expect(JSON.parse((await layersmith(codeOnly)).stdout)).toMatchObject({ changed: ['code'] });
    expect(await configuration('created')).toMatchObject({ Handler: 'hello', MemorySize: 512 });
  });

  test('a new function needs a handler', async () => {
    const zip = await code('nameless', '<?php');
    const ended = await layersmith(['deploy', zip, '--name', 'nameless', '--region', 'eu-west-1']);
    expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
    expect(ended.stderr).toContain('--handler');
  });

  test('refuses a layer of another architecture, and creates nothing', async () => {
    const zip = await layer('arm-base', { record: { architecture: 'arm64' } });
    const region = ['--region', 'eu-west-1'];
    const arn = (await layersmith(['publish', zip, '--name', 'arm-base', ...region])).stdout.trim();
    const args = ['deploy', await code('arm', '<?php // arm'), '--name', 'arm', '--handler', 'hello'];
    const refused = await layersmith([...args, '--layer', arn, ...region]);
    expect(refused).toMatchObject({ exitCode: 64, stdout: '' });
    expect(refused.stderr).toContain(`the layer ${arn} is for arm64, but the function is for x86_64`);
    const created = await layersmith([...args, '--layer', arn, '--arch', 'arm64', ...region]);
    expect(created).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('created') as string });
    expect(await configuration('arm')).toMatchObject({ Architectures: ['arm64'], Layers: [{ Arn: arn }] });
  });

  test('uses the given role, and waits until Lambda can assume it', async () => {
    await moto.awsCli([
      ...['iam', 'create-role', '--role-name', 'given', '--assume-role-policy-document'],
      '{"Version":"2012-10-17","Statement":[]}',
    ]);
    await using faults = await inFrontOfMoto(({ method, path, count }) =>
      method === 'POST' && path === '/2015-03-31/functions' && count <= 2
        ? {
            status: 400,
            type: 'InvalidParameterValueException',
            message: 'The role defined for the function cannot be assumed by Lambda.',
          }
        : undefined,
    );
    const ended = await layersmith(
      [
        ...['deploy', await code('roled', '<?php // role'), '--name', 'roled', '--handler', 'hello'],
        ...['--region', 'eu-west-1', '--role', ROLE_ARN],
      ],
      faults,
    );
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(await configuration('roled')).toMatchObject({ Role: ROLE_ARN });
  });

  test.each([
    [['--role', 'given'], 'is not the ARN of a role'],
    [['--layer', 'php84'], 'is not the ARN of a layer version'],
    [['--handler', ''], 'the handler is empty'],
    [['--memory', '64'], '--memory must be a whole number from 128 to 10240'],
    [['--name', 'no name'], 'is not a valid function name'],
  ])('refuses %j', async (flags, said) => {
    const zip = await code('refused', '<?php');
    const ended = await layersmith(['deploy', zip, '--name', 'x', ...flags]);
    expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
    expect(ended.stderr).toContain(said);
  });
});

describe('invoke --remote', () => {
  const REPORT =
    'REPORT RequestId: 1\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t';
  const log = Buffer.from(
    `START RequestId: 1 Version: $LATEST\nhéllo\nEND RequestId: 1\n${REPORT}\n`,
  ).toString('base64');
  const faultOf =
    (headers: Readonly<Record<string, string>>) =>
    ({ path }: { readonly path: string }): Fault | undefined =>
      path.endsWith('/invocations') ? { addHeaders: { 'x-amz-log-result': log, ...headers } } : undefined;

  test('shows the answer, and the end of the log with REPORT', async () => {
    await using faults = await inFrontOfMoto(faultOf({}));
    const args = ['invoke', '--remote', 'created', '--region', 'eu-west-1', '--event', '-'];
    const ended = await layersmith(args, { ...faults, input: '{"name":"Wörld"}' });
    expect(ended).toMatchObject({ exitCode: 0, stdout: '{"name":"Wörld"}' });
    expect(ended.stderr).toBe(`START RequestId: 1 Version: $LATEST\nhéllo\nEND RequestId: 1\n${REPORT}\n`);
    const json = await layersmith([...args.slice(0, -1), '{"said":"héllo"}', '--json'], faults);
    expect(JSON.parse(json.stdout)).toMatchObject({
      status: 200,
      payload: { said: 'héllo' },
      report: REPORT,
    });
  });

  test('exits with 1 when the function fails', async () => {
    await using faults = await inFrontOfMoto(faultOf({ 'x-amz-function-error': 'Unhandled' }));
    const ended = await layersmith(['invoke', '--remote', 'created', '--region', 'eu-west-1'], faults);
    expect(ended).toMatchObject({ exitCode: 1, stdout: '{}' });
    expect(ended.stderr).toContain('the function failed: Unhandled');
  });

  test('does not run a function twice because a connection broke', async () => {
    await using faults = await inFrontOfMoto(({ path }) =>
      path.endsWith('/invocations') ? 'cutAfter' : undefined,
    );
    const ended = await layersmith(['invoke', '--remote', 'created', '--region', 'eu-west-1'], faults);
    expect(ended).toMatchObject({ exitCode: 77 });
    expect(faults.seen.filter(({ path }) => path.endsWith('/invocations'))).toHaveLength(1);
  });

  test('cannot be combined with layers', async () => {
    expect(await layersmith(['invoke', 'a.zip', '--remote', 'created'])).toMatchObject({ exitCode: 64 });
    expect((await layersmith(['invoke', 'a.zip'])).stderr).toContain('invoke needs --function and --handler');
  });
});

test('the whole road: a runtime layer, a vendor layer, two functions, a role, an invocation with its log', async () => {
  await using php = await builtLayer('php/8.4');
  const { endpoint } = await realEngine();
  const env = { DOCKER_HOST: endpoint, HOME: process.env['HOME'] };
  const example = join(packageRoot, 'examples', 'hello');
  const region = ['--region', 'eu-west-1'];
  const output = async (args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await layersmith(args, { env });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return stdout.trim();
  };
  const packing = ['--layer', php.zip, '--toolchain', 'debian'];
  const vendor = await output(['package', 'vendor', example, ...packing]);
  const code = await output(['package', 'function', example, ...packing]);
  const phpArn = await output(['publish', php.zip, '--name', 'road-php', ...region]);
  const vendorArn = await output(['publish', vendor, '--name', 'road-vendor', ...region]);
  for (const handler of ['hello', 'goodbye']) {
    const layers = ['--layer', phpArn, '--layer', vendorArn];
    const arn = await output([
      'deploy',
      code,
      '--name',
      `road-${handler}`,
      '--handler',
      handler,
      ...layers,
      ...region,
    ]);
    expect(arn).toBe(`arn:aws:lambda:eu-west-1:123456789012:function:road-${handler}`);
    expect(
      await moto.awsCli(['lambda', 'get-function-configuration', '--function-name', arn, ...region]),
    ).toMatchObject({
      ...{ Handler: handler, Runtime: 'provided.al2023', Architectures: ['x86_64'], State: 'Active' },
      CodeSha256: Buffer.from(await sha256OfFile(code), 'hex').toString('base64'),
      Layers: [{ Arn: phpArn }, { Arn: vendorArn }],
    });
    expect(await output(['invoke', '--remote', arn, '--event', '{"name":"World"}', ...region])).toBe(
      '{"name":"World"}',
    );
  }
  const which = ['--layer-name', 'road-php', '--version-number', '1', ...region];
  expect(await moto.awsCli(['lambda', 'get-layer-version', ...which])).toMatchObject({
    Content: { CodeSha256: Buffer.from(await sha256OfFile(php.zip), 'hex').toString('base64') },
    CompatibleRuntimes: ['provided.al2023'],
  });
});

import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { UsageError } from '../../../src/core/errors.js';
import { deployFunction, type DeployedFunction } from '../../../src/publish/deploy-function.js';
import type {
  ExistingFunction,
  FunctionService,
  FunctionSettings,
} from '../../../src/publish/function-service.js';
import { failure } from '../../support/failure.js';
import { NO_SETTINGS } from '../../support/function-settings.js';

const EXISTING: ExistingFunction = {
  ...NO_SETTINGS,
  arn: 'arn:aws:lambda:eu-west-1:123456789012:function:hello',
  handler: 'hello',
  runtime: 'provided.al2023',
  architecture: 'x86_64',
  role: 'arn:aws:iam::123456789012:role/hello-role',
  layers: [],
  codeSha256: 'old',
};

const layerArn = (name: string): string => `arn:aws:lambda:eu-west-1:123456789012:layer:${name}:1`;
/** The architectures of the layers; others were deleted. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  [layerArn('arm')]: ['arm64'],
  [layerArn('intel')]: ['x86_64'],
  [layerArn('both')]: ['x86_64', 'arm64'],
  [layerArn('any')]: [],
};

/** Lambda with at most one function; records the calls that change something. */
function lambdaWith(existing: ExistingFunction | undefined): FunctionService & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  const call = <T>(result: T, ...what: unknown[]): Promise<T> => {
    calls.push(what);
    return Promise.resolve(result);
  };
  return {
    calls,
    region: 'eu-west-1',
    find: () => Promise.resolve(existing),
    create: (_name, settings) => call(EXISTING.arn, 'create', settings.handler),
    updateCode: (_name, architecture) => call(undefined, 'code', architecture),
    updateSettings: (_name, settings) => call(undefined, 'settings', settings),
    layerArchitectures: (arn) => Promise.resolve(ARCHITECTURES[arn]),
    settled: () => Promise.resolve(),
    ensureRole: (name) => call({ arn: EXISTING.role, isNew: true }, 'role', name),
    invoke: () => Promise.reject(new Error('deploy does not invoke')),
  };
}

function deploy(service: FunctionService, settings: Partial<FunctionSettings>): Promise<DeployedFunction> {
  return deployFunction('hello', {
    service,
    settings: { ...NO_SETTINGS, ...settings },
    zip: { path: 'hello.zip', sizeBytes: 1, sha256: sha256('new') },
    code: () => Promise.resolve({ kind: 'direct', bytes: new Uint8Array() }),
    onDoing: () => undefined,
  });
}

describe('without a handler', () => {
  test('an existing function gets only its new code', async () => {
    const lambda = lambdaWith(EXISTING);
    expect(await deploy(lambda, {})).toMatchObject({ status: 'updated', changed: ['code'] });
    expect(lambda.calls).toEqual([['code', 'x86_64']]);
  });

  test('a new function is refused, and no role is created for it', async () => {
    const lambda = lambdaWith(undefined);
    const error = await failure(deploy(lambda, {}), UsageError);
    expect(error.hint).toContain('--handler');
    expect(lambda.calls).toEqual([]);
  });
});

test('a new function gets its handler and its own role', async () => {
  const lambda = lambdaWith(undefined);
  expect(await deploy(lambda, { handler: 'hello' })).toMatchObject({ status: 'created' });
  expect(lambda.calls).toEqual([
    ['role', 'hello-role'],
    ['create', 'hello'],
  ]);
});

test('a changed handler updates the settings', async () => {
  const codeSha256 = Buffer.from(sha256('new'), 'hex').toString('base64');
  const lambda = lambdaWith({ ...EXISTING, codeSha256 });
  expect(await deploy(lambda, { handler: 'other' })).toMatchObject({ changed: ['settings'] });
  expect(await deploy(lambda, { handler: 'hello' })).toMatchObject({ status: 'unchanged' });
});

describe('a layer of another architecture is refused, and nothing is changed', () => {
  const layers = ['both', 'any', 'deleted', 'arm'].map(layerArn);
  const refused = async (
    existing: ExistingFunction | undefined,
    settings: Partial<FunctionSettings>,
  ): Promise<UsageError> => {
    const lambda = lambdaWith(existing);
    const error = await failure(deploy(lambda, settings), UsageError);
    expect(lambda.calls).toEqual([]);
    return error;
  };

  test('for a new function', async () => {
    const { message, hint } = await refused(undefined, { handler: 'hello', layers });
    expect(message).toBe(`the layer ${layerArn('arm')} is for arm64, but the function is for x86_64`);
    expect(hint).toContain('--arch');
  });

  test('for an existing function that gets other layers', async () => {
    await refused(EXISTING, { layers });
    await refused({ ...EXISTING, architecture: 'arm64' }, { layers: [layerArn('intel')] });
  });

  test('for an existing function that gets another architecture and keeps its layers', async () => {
    await refused({ ...EXISTING, layers: [layerArn('intel')] }, { architecture: 'arm64' });
  });
});

test('layers of the architecture, of both and of none that is named are used', async () => {
  const layers = ['both', 'any', 'deleted', 'arm'].map(layerArn);
  const made = await deploy(lambdaWith(undefined), { handler: 'hello', architecture: 'arm64', layers });
  expect(made.status).toBe('created');
  const moved = lambdaWith({ ...EXISTING, layers: [layerArn('intel')] });
  await deploy(moved, { architecture: 'arm64', layers });
  expect(moved.calls).toContainEqual(['code', 'arm64']);
});

test('an existing function that keeps its architecture and layers is not asked about them', async () => {
  const lambda = lambdaWith({ ...EXISTING, layers: [layerArn('arm')] });
  expect(await deploy(lambda, {})).toMatchObject({ changed: ['code'] });
});

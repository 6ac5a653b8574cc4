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

/** Lambda with at most one function; records the calls. */
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

import { describe, expect, test } from 'vitest';
import { PublishError, UsageError } from '../../../src/core/errors.js';
import { checkFunctionSettings } from '../../../src/publish/function-settings.js';
import { layerSnippet } from '../../../src/publish/layer-snippets.js';
import { checkFunctionName, checkLayerName } from '../../../src/publish/names.js';
import { principalsOf } from '../../../src/publish/principals.js';
import { checkKeep } from '../../../src/publish/prune-layer.js';
import { bucketOf, inRegions } from '../../../src/publish/regions.js';
import { failure } from '../../support/failure.js';
import { NO_SETTINGS } from '../../support/function-settings.js';

describe('names', () => {
  test('have letters, digits, - and _, within the limits of Lambda', () => {
    checkLayerName('php_8-4');
    checkLayerName('x'.repeat(140));
    checkFunctionName('x'.repeat(64));
    for (const name of ['', 'a b', 'é', 'x'.repeat(141)])
      expect(() => {
        checkLayerName(name);
      }).toThrow(UsageError);
    expect(() => {
      checkFunctionName('x'.repeat(65));
    }).toThrow(UsageError);
  });
});

describe('a layer is shared', () => {
  test('with everyone, an organization and accounts', () => {
    expect(
      principalsOf({ isPublic: true, organization: 'o-abc123defg', accounts: ['123456789012'] }),
    ).toEqual([
      { kind: 'everyone' },
      { kind: 'organization', id: 'o-abc123defg' },
      { kind: 'account', id: '123456789012' },
    ]);
    expect(principalsOf({ isPublic: false, organization: undefined, accounts: [] })).toEqual([]);
  });

  test.each([{ organization: 'abc' }, { accounts: ['12345'] }])('not with %j', (changes) => {
    expect(() =>
      principalsOf({ isPublic: false, organization: undefined, accounts: [], ...changes }),
    ).toThrow(UsageError);
  });
});

describe('settings of a function', () => {
  test('may all be set, or none', () => {
    checkFunctionSettings(NO_SETTINGS);
    checkFunctionSettings({
      ...NO_SETTINGS,
      ...{ handler: 'hello', role: 'arn:aws:iam::123456789012:role/a/b', memoryMb: 128, timeoutSeconds: 900 },
      layers: ['arn:aws-cn:lambda:cn-north-1:123456789012:layer:php84:3'],
    });
  });

  test.each([
    { handler: '' },
    { role: 'hello' },
    { layers: ['arn:aws:lambda:eu-west-1:123456789012:layer:php84'] },
    { memoryMb: 127 },
    { memoryMb: 10_241 },
    { memoryMb: 512.5 },
    { timeoutSeconds: 0 },
    { timeoutSeconds: 901 },
  ])('are refused: %j', (changes) => {
    expect(() => {
      checkFunctionSettings({ ...NO_SETTINGS, ...changes });
    }).toThrow(UsageError);
  });
});

test('prune keeps at least one version', () => {
  checkKeep(1);
  for (const keep of [0, -1, 1.5, Number.NaN])
    expect(() => {
      checkKeep(keep);
    }).toThrow(UsageError);
});

describe('regions', () => {
  test('are processed once each, and reported in the order given', async () => {
    const outcomes = await inRegions(['us-east-1', 'eu-west-1', 'us-east-1'], (region) =>
      Promise.resolve(region?.length),
    );
    expect(outcomes).toEqual([
      { region: 'us-east-1', result: 9 },
      { region: 'eu-west-1', result: 9 },
    ]);
  });

  test("are the SDK's own region when none is given", async () => {
    expect(await inRegions([], (region) => Promise.resolve(region ?? 'none'))).toMatchObject([
      { result: 'none' },
    ]);
  });

  test('continue when AWS refuses one, and stop when the command is wrong', async () => {
    const refused = new PublishError('no');
    const outcomes = await inRegions(['us-east-1', 'eu-west-1'], (region) =>
      region === 'us-east-1' ? Promise.reject(refused) : Promise.resolve(1),
    );
    expect(outcomes).toEqual([
      { region: 'us-east-1', error: refused },
      { region: 'eu-west-1', result: 1 },
    ]);
    await failure(
      inRegions(['us-east-1'], () => Promise.reject(new UsageError('wrong'))),
      UsageError,
    );
  });

  test('are all checked before anything is done', async () => {
    const done: unknown[] = [];
    const act = (region: unknown): Promise<void> => {
      done.push(region);
      return Promise.resolve();
    };
    await failure(inRegions(['eu-west-1', 'europe'], act), UsageError);
    expect(done).toEqual([]);
  });

  test("have a bucket each, named with the region's name", () => {
    expect(bucketOf('mine-{region}', 'eu-west-1')).toBe('mine-eu-west-1');
    expect(bucketOf(undefined, 'eu-west-1')).toBeUndefined();
  });
});

test('a snippet sorts its regions, and has a default platform and architecture', () => {
  const arns = [
    { region: 'us-east-1', arn: 'arn:b' },
    { region: 'eu-west-1', arn: 'arn:a' },
  ];
  const text = layerSnippet('serverless', { name: 'x', runtime: undefined, architecture: undefined, arns });
  expect(text).toContain('runtime: provided.al2023\n  architecture: x86_64\n');
  expect(text.indexOf('eu-west-1')).toBeLessThan(text.indexOf('us-east-1'));
});

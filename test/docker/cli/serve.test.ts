import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  RequestTooLargeException,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import type { Running } from '../../support/cli.js';
import { failure } from '../../support/failure.js';
import { firstLineOf, functionPlace, type FunctionPlace } from '../../support/function-cli.js';
import { containersOf, expectError, runningContainer } from '../../support/workplace.js';

// `layersmith serve` as tools and SDKs use it, on the Lua layer.

const run = promisify(execFile);

const HELLO = `local count = 0
return function(event)
  count = count + 1
  if event.fail then error(event.fail) end
  if event.exit then os.exit(1) end
  if event.slow then local till = os.clock() + 0.5; while os.clock() < till do end end
  if event.log then print(event.log) end
  return { hello = event.name, count = count }
end
`;

let lua: BuiltLayer;
let place: FunctionPlace;
let serving: Running;
let url: string;

beforeAll(async () => {
  lua = await builtLayer('lua/5.4');
  place = await functionPlace({ 'app/src/hello.lua': HELLO });
  serving = place.start(serveArgs('app', '0'));
  url = await firstLineOf(serving);
});

afterAll(async () => {
  await place[Symbol.asyncDispose]();
  await lua[Symbol.asyncDispose]();
});

function serveArgs(folder: string, port: string): string[] {
  return ['serve', lua.zip, '--function', folder, '--handler', 'hello', '--port', port, '--memory', '256'];
}

function post(body: string, headers: Record<string, string> = {}, base = url): Promise<Response> {
  return fetch(`${base}/2015-03-31/functions/function/invocations`, { method: 'POST', body, headers });
}

describe('over HTTP', () => {
  test('it says where it listens when it is ready, and answers there', async () => {
    expect(serving.stdout()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
    const response = await post('{"name":"World"}');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ hello: 'World', count: expect.any(Number) as number });
    expect(response.headers.get('x-amz-executed-version')).toBe('$LATEST');
    expect(response.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('x-amz-function-error')).toBeNull();
    expect(serving.stderr()).toContain(`REPORT RequestId: ${response.headers.get('x-amzn-requestid') ?? ''}`);
  });

  test('the function stays warm between invocations', async () => {
    const count = async (): Promise<number> => ((await (await post('{}')).json()) as { count: number }).count;
    const first = await count();
    expect(await count()).toBe(first + 1);
  });

  test('a failing function is told in a header and in the answer, and the next invocation works', async () => {
    const response = await post('{"fail":"no"}', { 'X-Amz-Log-Type': 'Tail' });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-amz-function-error')).toBe('Unhandled');
    expect(await response.json()).toMatchObject({ errorType: 'Function.Error' });
    const log = Buffer.from(response.headers.get('x-amz-log-result') ?? '', 'base64').toString();
    expect(log).toMatch(/^START RequestId: [^]*\nREPORT RequestId: /);
    expect((await post('{"exit":true}')).headers.get('x-amz-function-error')).toBe('Unhandled');
    expect(await (await post('{"name":"after"}')).json()).toEqual({ hello: 'after', count: 1 });
  });

  test('invocations at once wait for one another', async () => {
    const before = ((await (await post('{}')).json()) as { count: number }).count;
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => (await post(`{"name":"${index}"}`)).json()),
    );
    const counts = answers.map((answer) => (answer as { count: number }).count);
    expect(counts.sort((a, b) => a - b)).toEqual(answers.map((_, index) => before + 1 + index));
    expect(answers.map((answer) => (answer as { hello: string }).hello).sort()).toEqual(
      answers.map((_, index) => String(index)).sort(),
    );
  });

  test('an event that nobody waits for runs in the background', async () => {
    const response = await post('{"log":"in the background"}', { 'X-Amz-Invocation-Type': 'Event' });
    expect(response.status).toBe(202);
    await serving.says('in the background');
  });
});

describe("with AWS's own SDK", () => {
  const client = (): LambdaClient =>
    new LambdaClient({
      endpoint: url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      maxAttempts: 1,
    });

  test('a function is invoked', async () => {
    using sdk = disposable(client());
    const answer = await sdk.client.send(
      new InvokeCommand({ FunctionName: 'anything', Payload: '{"name":"SDK"}', LogType: 'Tail' }),
    );
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(answer.FunctionError).toBeUndefined();
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toMatchObject({ hello: 'SDK' });
    expect(Buffer.from(answer.LogResult ?? '', 'base64').toString()).toContain('REPORT RequestId: ');
  });

  test('a failing function is a FunctionError, a request that is too large its exception', async () => {
    using sdk = disposable(client());
    const failed = await sdk.client.send(new InvokeCommand({ FunctionName: 'f', Payload: '{"fail":"x"}' }));
    expect(failed.FunctionError).toBe('Unhandled');
    const large = JSON.stringify('x'.repeat(6 * 1024 * 1024));
    const refused = await failure(
      sdk.client.send(new InvokeCommand({ FunctionName: 'f', Payload: large })),
      RequestTooLargeException,
    );
    expect(refused.$metadata.httpStatusCode).toBe(413);
    expect(refused.message).toContain('6291456');
  });

  test('an answer comes as a stream of events', async () => {
    using sdk = disposable(client());
    const answer = await sdk.client.send(
      new InvokeWithResponseStreamCommand({
        FunctionName: 'f',
        Payload: '{"name":"chunks"}',
        LogType: 'Tail',
      }),
    );
    let text = '';
    let log: string | undefined;
    for await (const event of answer.EventStream ?? []) {
      text += Buffer.from(event.PayloadChunk?.Payload ?? []).toString();
      log = event.InvokeComplete?.LogResult ?? log;
    }
    expect(JSON.parse(text)).toMatchObject({ hello: 'chunks' });
    expect(Buffer.from(log ?? '', 'base64').toString()).toContain('REPORT RequestId: ');
    const failed = await sdk.client.send(
      new InvokeWithResponseStreamCommand({ FunctionName: 'f', Payload: '{"fail":"broken"}' }),
    );
    const codes: unknown[] = [];
    for await (const event of failed.EventStream ?? []) codes.push(event.InvokeComplete?.ErrorCode);
    expect(codes).toEqual(['Function.Error']);
  });
});

function disposable(client: LambdaClient): Disposable & { readonly client: LambdaClient } {
  return {
    client,
    [Symbol.dispose]: () => {
      client.destroy();
    },
  };
}

test('a changed function is used by the next invocation, in a new sandbox', async () => {
  await place.write({ 'changing/src/hello.lua': "return function() return 'one' end" });
  const running = place.start(serveArgs('changing', '0'));
  const base = await firstLineOf(running);
  const answer = async (): Promise<string> => (await post('{}', {}, base)).text();
  expect(await answer()).toBe('one');
  await place.write({ 'changing/src/hello.lua': "return function() return 'another' end" });
  expect(await answer()).toBe('another');
  expect(running.stderr().match(/files of the function changed/g)).toHaveLength(1);
  await place.write({ 'changing/src/hello.lua': 'return function( -- not Lua' });
  const broken = await post('{}', {}, base);
  expect(broken.headers.get('x-amz-function-error')).toBe('Unhandled');
  await place.write({ 'changing/src/hello.lua': "return function() return 'mended' end" });
  expect(await answer()).toBe('mended');
  running.kill('SIGINT');
  const ended = await running.ended;
  expect(ended.exitCode).toBe(130);
  expect(await containersOf(ended.pid)).toEqual([]);
});

test('code that goes away harms one invocation, and a container that ends while idle none', async () => {
  await place.write({ 'fragile/src/hello.lua': "return function() return 'here' end" });
  const running = place.start(serveArgs('fragile', '0'));
  const base = await firstLineOf(running);
  await rm(join(place.path, 'fragile/src'), { recursive: true });
  const refused = await post('{}', {}, base);
  expect(refused.status).toBe(500);
  expect(((await refused.json()) as { Message: string }).Message).toContain('fragile has no files');
  await place.write({ 'fragile/src/hello.lua': "return function() return 'back' end" });
  expect(await (await post('{}', {}, base)).text()).toBe('back');
  await run('docker', ['kill', await runningContainer(running)]);
  await running.says('ended with status 137');
  await running.says('layersmith: starting a new sandbox');
  const answers = [await post('{}', {}, base), await post('{}', {}, base)];
  for (const one of answers) expect([one.status, await one.text()]).toEqual([200, 'back']);
  running.kill('SIGTERM');
  const ended = await running.ended;
  expect(ended.exitCode).toBe(143);
  expect(await containersOf(ended.pid)).toEqual([]);
});

test('Ctrl-C during an invocation ends it, and leaves nothing', async () => {
  await place.write({ 'endless/src/hello.lua': "return function() print('busy') while true do end end" });
  const running = place.start([...serveArgs('endless', '0'), '--timeout', '60']);
  const answer = post('{}', {}, await firstLineOf(running)).catch(() => undefined);
  await running.says('busy');
  running.kill('SIGINT');
  const ended = await running.ended;
  expect(ended.exitCode).toBe(130);
  expect(ended.stderr).not.toContain('    at ');
  expect((await answer)?.status ?? 500).toBe(500);
  expect(await containersOf(ended.pid)).toEqual([]);
});

test('a port that is in use is an error that says so', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const ended = await place.start(serveArgs('app', String(port))).ended;
  other.close();
  expect(expectError(ended, 64)).toContain(`cannot listen at 127.0.0.1:${port}: it is in use`);
  expect(await containersOf(ended.pid)).toEqual([]);
});

test('--json gives the addresses as one object', async () => {
  const running = place.start([...serveArgs('app', '0'), '--json']);
  const addresses = JSON.parse(await firstLineOf(running)) as { url: string; invocations: string };
  expect(addresses.invocations).toBe(`${addresses.url}/2015-03-31/functions/function/invocations`);
  const answer = await fetch(addresses.invocations, { method: 'POST', body: '{"name":"x"}' });
  expect(await answer.json()).toEqual({ hello: 'x', count: 1 });
});

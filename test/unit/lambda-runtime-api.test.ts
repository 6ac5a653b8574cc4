import { request, type IncomingHttpHeaders } from 'node:http';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { FunctionFailure } from '../../src/lambda/function-failure.js';
import { createRuntimeApi, MAX_RESPONSE_BYTES, type RuntimeApi } from '../../src/lambda/runtime-api.js';

/** Two ends of a connection in memory. */
function createPair(): readonly [Duplex, Duplex] {
  const ends: Duplex[] = [];
  for (const other of [1, 0]) {
    ends.push(
      new Duplex({
        read: () => undefined,
        write: (chunk: Buffer, _encoding, done) => {
          ends[other]?.push(chunk);
          setImmediate(done);
        },
        final: (done) => {
          ends[other]?.push(null);
          done();
        },
        destroy: (error, done) => {
          ends[other]?.push(null);
          done(error);
        },
      }),
    );
  }
  const [one, two] = ends;
  if (one === undefined || two === undefined) throw new Error('unreachable');
  return [one, two];
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A bootstrap, played by the test. */
function ask(
  api: RuntimeApi,
  method: string,
  path: string,
  options: { readonly body?: string | Buffer; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const [ours, theirs] = createPair();
  api.connect(theirs);
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => ours,
      method,
      path: `/2018-06-01/runtime/${path}`,
      headers: options.headers,
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.end(options.body);
  });
}

const NOW = 1_700_000_000_000;
const ARN = 'arn:aws:lambda:eu-west-1:000000000000:function:test';
const signal = new AbortController().signal;
const apis: RuntimeApi[] = [];

function create(options: { readonly timeoutMs?: number; readonly initTimeoutMs?: number } = {}): RuntimeApi {
  let count = 0;
  const api = createRuntimeApi({
    now: () => NOW,
    newRequestId: () => `8476a536-e9f4-11e8-9739-${String((count += 1)).padStart(12, '0')}`,
    functionArn: ARN,
    timeoutMs: options.timeoutMs ?? 3000,
    initTimeoutMs: options.initTimeoutMs ?? 10_000,
  });
  apis.push(api);
  return api;
}

afterEach(() => {
  for (const api of apis.splice(0)) api.stop(new Error('the test is over'));
});

const ID = '8476a536-e9f4-11e8-9739-000000000001';

describe('the Runtime API', () => {
  test('hands out an event with its headers, takes the response, and gives it to the caller', async () => {
    const api = create();
    const result = api.invoke('{"name":"World"}', signal);
    const next = await ask(api, 'GET', 'invocation/next');
    expect(next).toMatchObject({ status: 200, body: '{"name":"World"}' });
    expect(next.headers).toMatchObject({
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': ID,
      'lambda-runtime-deadline-ms': String(NOW + 3000),
      'lambda-runtime-invoked-function-arn': ARN,
    });
    expect(next.headers['lambda-runtime-trace-id']).toMatch(
      /^Root=1-6553f100-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
    );
    const accepted = await ask(api, 'POST', `invocation/${ID}/response`, {
      body: 'Hello, World!',
      headers: { 'Content-Type': 'text/plain' },
    });
    expect(accepted).toMatchObject({ status: 202, body: '{"status":"OK"}\n' });
    expect(accepted.headers['content-type']).toBe('application/json');
    expect(await result).toEqual({
      kind: 'response',
      body: Buffer.from('Hello, World!'),
      contentType: 'text/plain',
    });
  });

  test('makes a bootstrap wait that asks before there is an event', async () => {
    const api = create();
    const next = ask(api, 'GET', 'invocation/next');
    await api.ready();
    const result = api.invoke('{}', signal);
    expect((await next).body).toBe('{}');
    await ask(api, 'POST', `invocation/${ID}/response`, { body: 'null' });
    expect(await result).toMatchObject({ kind: 'response' });
  });

  test('gives the error that a function reports as it was reported', async () => {
    const api = create();
    const result = api.invoke('{}', signal);
    await ask(api, 'GET', 'invocation/next');
    const error = { errorMessage: 'no', errorType: 'Function.LogicException', stackTrace: ['here', 'there'] };
    const body = JSON.stringify(error);
    expect(await ask(api, 'POST', `invocation/${ID}/error`, { body })).toMatchObject({ status: 202 });
    expect(await result).toEqual({ kind: 'error', body: Buffer.from(body), error });
  });

  test.each([
    [
      'that is not JSON',
      'it broke',
      'Function.Broken',
      { errorType: 'Function.Broken', errorMessage: 'it broke' },
    ],
    ['with a header of no known form', 'x', 'Oops', { errorType: 'Runtime.Unknown', errorMessage: 'x' }],
    ['of another shape', '[1]', 'Runtime.Odd', { errorType: 'Runtime.Odd', errorMessage: '[1]' }],
    ['that is empty JSON', '{}', 'Runtime.Odd', { errorType: 'Runtime.Odd', errorMessage: '' }],
  ])('accepts an error %s', async (_what, body, header, error) => {
    const api = create();
    const result = api.invoke('{}', signal);
    await ask(api, 'GET', 'invocation/next');
    const headers = { 'Lambda-Runtime-Function-Error-Type': header };
    expect(await ask(api, 'POST', `invocation/${ID}/error`, { body, headers })).toMatchObject({
      status: 202,
    });
    expect(await result).toMatchObject({ kind: 'error', error: { ...error, stackTrace: [] } });
  });

  test('gives the same event again to a bootstrap that asks again before it answers', async () => {
    const api = create();
    const result = api.invoke('{"n":1}', signal);
    const first = await ask(api, 'GET', 'invocation/next');
    const second = await ask(api, 'GET', 'invocation/next');
    expect(second.body).toBe(first.body);
    expect(second.headers['lambda-runtime-aws-request-id']).toBe(ID);
    await ask(api, 'POST', `invocation/${ID}/response`, { body: '1' });
    expect(await result).toMatchObject({ kind: 'response' });
  });

  test('carries five hundred invocations, each with its own id', async () => {
    const api = create();
    const ids = new Set<string>();
    for (let n = 0; n < 500; n += 1) {
      const result = api.invoke(String(n), signal);
      const { body, headers } = await ask(api, 'GET', 'invocation/next');
      const id = String(headers['lambda-runtime-aws-request-id']);
      ids.add(id);
      await ask(api, 'POST', `invocation/${id}/response`, { body: `answer ${body}` });
      expect(await result).toMatchObject({ body: Buffer.from(`answer ${n}`) });
    }
    expect(ids.size).toBe(500);
  });

  test('takes a body of any bytes, and one sent in chunks', async () => {
    const api = create();
    const body = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    const result = api.invoke('{}', signal);
    await ask(api, 'GET', 'invocation/next');
    const headers = { 'Transfer-Encoding': 'chunked' };
    expect(await ask(api, 'POST', `invocation/${ID}/response`, { body, headers })).toMatchObject({
      status: 202,
    });
    expect(await result).toMatchObject({ body });
  });
});

describe('the Runtime API refuses', () => {
  test('a wrong request id, and still takes the right one', async () => {
    const api = create();
    const result = api.invoke('{}', signal);
    await ask(api, 'GET', 'invocation/next');
    for (const kind of ['response', 'error']) {
      const refused = await ask(api, 'POST', `invocation/another/${kind}`, { body: '{}' });
      expect(refused.status).toBe(400);
      expect(JSON.parse(refused.body)).toEqual({
        errorType: 'InvalidRequestID',
        errorMessage: 'Invalid request ID',
      });
    }
    await ask(api, 'POST', `invocation/${ID}/response`, { body: '1' });
    expect(await result).toMatchObject({ kind: 'response' });
  });

  test('a second answer to the same invocation', async () => {
    const api = create();
    const result = api.invoke('{}', signal);
    await ask(api, 'GET', 'invocation/next');
    await ask(api, 'POST', `invocation/${ID}/response`, { body: 'first' });
    const second = await ask(api, 'POST', `invocation/${ID}/error`, { body: '{}' });
    expect(second.status).toBe(403);
    expect(JSON.parse(second.body)).toMatchObject({ errorType: 'InvalidStateTransition' });
    expect(await result).toMatchObject({ body: Buffer.from('first') });
  });

  test('an init error from a bootstrap that has started', async () => {
    const api = create();
    const result = api.invoke('{}', signal);
    await ask(api, 'GET', 'invocation/next');
    expect((await ask(api, 'POST', 'init/error', { body: '{}' })).status).toBe(403);
    await ask(api, 'POST', `invocation/${ID}/response`, { body: '1' });
    expect(await result).toMatchObject({ kind: 'response' });
  });

  test('a response that is too large, which is then the error of the invocation', async () => {
    const api = create();
    const result = api.invoke('{}', signal);
    await ask(api, 'GET', 'invocation/next');
    const refused = await ask(api, 'POST', `invocation/${ID}/response`, {
      body: Buffer.alloc(MAX_RESPONSE_BYTES + 1),
    });
    expect(refused.status).toBe(413);
    expect(JSON.parse(refused.body)).toMatchObject({ errorType: 'RequestEntityTooLarge' });
    expect(await result).toMatchObject({
      kind: 'error',
      error: { errorType: 'Function.ResponseSizeTooLarge' },
    });
  });

  test('paths and methods that it does not have', async () => {
    const api = create();
    expect((await ask(api, 'GET', 'invocation/last')).status).toBe(404);
    expect((await ask(api, 'POST', 'invocation/next', { body: '{}' })).status).toBe(405);
    expect((await ask(api, 'GET', 'init/error')).status).toBe(405);
  });

  test('what is not HTTP', async () => {
    const api = create();
    const [ours, theirs] = createPair();
    api.connect(theirs);
    ours.write('\u0000\u0001 this is not HTTP\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of ours) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('an invocation is rejected', () => {
  test('when the bootstrap reports that it cannot start', async () => {
    const api = create();
    const result = api.invoke('{}', signal);
    const rejected = expect(result).rejects.toMatchObject({
      name: 'FunctionFailure',
      kind: 'init-error',
      error: { errorType: 'Runtime.HandlerNotFound', errorMessage: 'no such function' },
    });
    const body = JSON.stringify({ errorType: 'Runtime.HandlerNotFound', errorMessage: 'no such function' });
    expect((await ask(api, 'POST', 'init/error', { body })).status).toBe(202);
    await rejected;
    expect((await ask(api, 'GET', 'invocation/next')).status).toBe(403);
  });

  test('when the bootstrap does not start in time', async () => {
    const api = create({ initTimeoutMs: 20 });
    await expect(api.invoke('{}', signal)).rejects.toMatchObject({ kind: 'init-timeout' });
  });

  test('when the function does not answer in time', async () => {
    const api = create({ timeoutMs: 20 });
    const result = api.invoke('{}', signal);
    const rejected = expect(result).rejects.toMatchObject({ kind: 'timeout' });
    await ask(api, 'GET', 'invocation/next');
    await rejected;
    await expect(ask(api, 'POST', `invocation/${ID}/response`, { body: '1' })).rejects.toThrow();
    await expect(api.invoke('{}', signal)).rejects.toMatchObject({ kind: 'timeout' });
  });

  test('when the bootstrap has ended, and so is every later one', async () => {
    const api = create();
    const result = api.invoke('{}', signal);
    const failure = new FunctionFailure('exited', 'the bootstrap ended with status 1');
    const rejected = expect(result).rejects.toBe(failure);
    await ask(api, 'GET', 'invocation/next');
    api.stop(failure);
    api.stop(new Error('a later reason'));
    await rejected;
    await expect(api.invoke('{}', signal)).rejects.toBe(failure);
  });

  test('with the reason of its signal', async () => {
    const api = create();
    const controller = new AbortController();
    const reason = new Error('the user is tired of it');
    const rejected = expect(api.invoke('{}', controller.signal)).rejects.toBe(reason);
    await delay(5);
    controller.abort(reason);
    await rejected;
  });
});

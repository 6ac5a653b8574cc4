import { describe, expect, test } from 'vitest';
import { MAX_RESPONSE_BYTES } from '../../../src/lambda/runtime-api-answers.js';
import {
  ARN,
  ask,
  connectRaw,
  createTestedApi,
  ID,
  NOW,
  until,
  type Answer,
  type TestedApi,
} from './bootstrap-peer.js';

/** An API whose bootstrap has asked for an event and got one. */
async function running(event = '{}'): Promise<TestedApi & { readonly next: Answer }> {
  const tested = createTestedApi();
  const next = ask(tested.api, 'GET', 'invocation/next');
  await until(() => tested.api.isReady);
  tested.invoke(event);
  return { ...tested, next: await next };
}

function refusal(answer: Answer): unknown {
  return { status: answer.status, ...(JSON.parse(answer.body) as object) };
}

function transition(from: string, to: string): unknown {
  return {
    status: 403,
    errorType: 'InvalidStateTransition',
    errorMessage: `State transition from ${from} to ${to} failed for runtime. Error: State transition is not allowed`,
  };
}

describe('the Runtime API', () => {
  test('hands out an event with its headers, takes the response, and gives it to the caller', async () => {
    const { api, answers, next } = await running('{"name":"World"}');
    expect(next).toMatchObject({ status: 200, body: '{"name":"World"}' });
    expect(next.headers).toMatchObject({
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': ID,
      'lambda-runtime-deadline-ms': String(NOW + 3000),
      'lambda-runtime-invoked-function-arn': ARN,
    });
    for (const absent of ['client-context', 'cognito-identity', 'aws-tenant-id'])
      expect(next.headers).not.toHaveProperty(`lambda-runtime-${absent}`);
    expect(next.headers['lambda-runtime-trace-id']).toMatch(
      /^Root=1-6553f100-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
    );
    const accepted = await ask(api, 'POST', `invocation/${ID}/response`, {
      body: 'Hello, World!',
      headers: { 'Content-Type': 'text/plain' },
    });
    expect(accepted).toMatchObject({ status: 202, body: '{"status":"OK"}\n' });
    expect(accepted.headers['content-type']).toBe('application/json');
    expect(answers).toEqual([
      {
        payload: Buffer.from('Hello, World!'),
        contentType: 'text/plain',
        streamed: false,
        error: undefined,
        reported: true,
      },
    ]);
  });

  test('hands on what the invoker sent along, whatever characters it has', async () => {
    const tested = createTestedApi();
    const next = ask(tested.api, 'GET', 'invocation/next');
    await until(() => tested.api.isReady);
    tested.invoke('{}', {
      clientContext: '{"name":"Zoë\r\nX-Evil: 1"}',
      cognitoIdentity: '{"cognitoIdentityId":"a"}',
      tenantId: 'tenant 1',
      traceId: 'Root=1-2-3;Sampled=1',
    });
    const { headers } = await next;
    expect(headers).toMatchObject({
      'lambda-runtime-cognito-identity': '{"cognitoIdentityId":"a"}',
      'lambda-runtime-aws-tenant-id': 'tenant 1',
      'lambda-runtime-trace-id': 'Root=1-2-3;Sampled=1',
    });
    const context = Buffer.from(String(headers['lambda-runtime-client-context']), 'latin1').toString();
    expect(context).toBe('{"name":"Zoë  X-Evil: 1"}');
    expect(headers).not.toHaveProperty('x-evil');
  });

  test('tells when it is asked, once for each event', async () => {
    const { api, readyTimes, invoke } = await running();
    expect(readyTimes()).toBe(1);
    await ask(api, 'POST', `invocation/${ID}/response`, { body: '1' });
    expect(api.isReady).toBe(false);
    const next = ask(api, 'GET', 'invocation/next');
    await until(() => api.isReady);
    expect(readyTimes()).toBe(2);
    invoke('2', { requestId: 'b' });
    expect((await next).headers['lambda-runtime-aws-request-id']).toBe('b');
  });

  test('gives the error that a function reports as it was reported', async () => {
    const { api, answers } = await running();
    const error = { errorMessage: 'no', errorType: 'Function.LogicException', stackTrace: ['here', 'there'] };
    const body = JSON.stringify(error);
    const headers = { 'Lambda-Runtime-Function-XRay-Error-Cause': 'x'.repeat(100_000) };
    expect(await ask(api, 'POST', `invocation/${ID}/error`, { body, headers })).toMatchObject({
      status: 202,
    });
    expect(answers).toMatchObject([{ payload: Buffer.from(body), error, reported: true }]);
  });

  test.each([
    ['that is not JSON', 'it broke', 'Function.Broken', 'Function.Broken', 'it broke'],
    ['with a header of no known form', 'x', 'Oops', 'Runtime.Unknown', 'x'],
    ['with a function type of no known form', 'x', 'Function.oops', 'Function.Unknown', 'x'],
    ['of another shape', '[1]', 'Runtime.Odd', 'Runtime.Odd', '[1]'],
    ['that is empty JSON', '{}', 'Runtime.Odd', 'Runtime.Odd', ''],
  ])('accepts an error %s', async (_what, body, header, errorType, errorMessage) => {
    const { api, answers } = await running();
    const headers = { 'Lambda-Runtime-Function-Error-Type': header };
    expect((await ask(api, 'POST', `invocation/${ID}/error`, { body, headers })).status).toBe(202);
    expect(answers).toMatchObject([{ error: { errorType, errorMessage, stackTrace: [] } }]);
  });

  test.each([
    [
      '{"errorMessage":"m","errorType":"Function.T","stackTrace":["s"],"errorCause":{"message":"c"}}',
      '{"errorMessage":"m","errorType":"Function.T","stackTrace":["s"]}',
      'application/json',
    ],
    ['{"errorMessage":"m"}', '{"errorMessage":"m","errorType":""}', 'application/json'],
    ['not JSON', '"Invalid error body"', 'application/octet-stream'],
  ])('takes the cause out of an error that carries it in its body', async (body, payload, contentType) => {
    const { api, answers } = await running();
    const headers = { 'Content-Type': 'application/vnd.aws.lambda.error.cause+json' };
    expect((await ask(api, 'POST', `invocation/${ID}/error`, { body, headers })).status).toBe(202);
    expect(answers).toMatchObject([{ payload: Buffer.from(payload), contentType }]);
  });

  test('gives the same event again to a bootstrap that asks again before it answers', async () => {
    const { api, next } = await running('{"n":1}');
    const second = await ask(api, 'GET', 'invocation/next');
    expect(second.body).toBe(next.body);
    expect(second.headers['lambda-runtime-aws-request-id']).toBe(ID);
  });

  test('gives the event to one that waits still, not to one that has hung up', async () => {
    const { api, invoke } = createTestedApi();
    const gone = connectRaw(api);
    gone.end.write('GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => api.isReady);
    gone.end.end();
    const next = ask(api, 'GET', 'invocation/next');
    await until(() => gone.end.readableEnded);
    invoke('1');
    expect((await next).body).toBe('1');
    expect(gone.received()).toBe('');
  });

  test('carries five hundred invocations, each with its own id', async () => {
    const { api, answers, invoke } = createTestedApi();
    for (let n = 0; n < 500; n += 1) {
      const next = ask(api, 'GET', 'invocation/next');
      await until(() => api.isReady);
      invoke(String(n), { requestId: `id-${n}` });
      const { body, headers } = await next;
      const id = String(headers['lambda-runtime-aws-request-id']);
      await ask(api, 'POST', `invocation/${id}/response`, { body: `answer ${body}` });
    }
    expect(answers.map(({ payload }) => payload.toString())).toEqual(
      Array.from({ length: 500 }, (_, n) => `answer ${n}`),
    );
  });

  test('takes a body of any bytes, and one sent in chunks', async () => {
    const { api, answers } = await running();
    const body = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    const headers = { 'Transfer-Encoding': 'chunked' };
    expect((await ask(api, 'POST', `invocation/${ID}/response`, { body, headers })).status).toBe(202);
    expect(answers).toMatchObject([{ payload: body }]);
  });

  test('answers requests that come at once on one connection one after the other', async () => {
    const { api, answers } = await running();
    const { end, received } = connectRaw(api);
    end.write(
      `POST /2018-06-01/runtime/invocation/${ID}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi` +
        'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await until(() => api.isReady);
    expect(received()).toMatch(/^HTTP\/1\.1 202 /);
    expect(answers).toMatchObject([{ payload: Buffer.from('hi') }]);
  });

  test('answers a client that has said that it will send no more', async () => {
    const { api } = await running();
    const { end, received } = connectRaw(api);
    end.end(
      `POST /2018-06-01/runtime/invocation/${ID}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi` +
        'GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await until(() => end.readableEnded);
    expect(received()).toMatch(/^HTTP\/1\.1 202 [^]*\nHTTP\/1\.1 200 [^]*pong$/m);
  });

  test('takes an init error, and nothing after it', async () => {
    const { api, initErrors } = createTestedApi();
    const error = {
      errorType: 'Runtime.HandlerNotFound',
      errorMessage: 'no such function',
      stackTrace: ['x'],
    };
    const body = JSON.stringify(error);
    expect((await ask(api, 'POST', 'init/error', { body })).status).toBe(202);
    expect(initErrors).toEqual([{ error, payload: Buffer.from(body) }]);
    expect(refusal(await ask(api, 'GET', 'invocation/next'))).toEqual(transition('InitError', 'Ready'));
    expect(refusal(await ask(api, 'POST', 'init/error', { body }))).toEqual(
      transition('InitError', 'InitError'),
    );
  });
});

describe('the Runtime API refuses', () => {
  const WRONG_ID = { status: 400, errorType: 'InvalidRequestID', errorMessage: 'Invalid request ID' };

  test('a wrong request id, and still takes the right one', async () => {
    const { api, answers } = await running();
    for (const path of ['another/response', 'another/error', '/response'])
      expect(refusal(await ask(api, 'POST', `invocation/${path}`, { body: '{}' }))).toEqual(WRONG_ID);
    await ask(api, 'POST', `invocation/${ID}/response`, { body: '1' });
    expect(answers).toHaveLength(1);
  });

  test('a second answer to the same invocation, and any once the next event was asked for', async () => {
    const { api, answers } = await running();
    const post = (kind: string): Promise<Answer> =>
      ask(api, 'POST', `invocation/${ID}/${kind}`, { body: '2' });
    await post('response');
    expect(refusal(await post('response'))).toEqual(
      transition('RuntimeResponseSentState', 'InvocationResponse'),
    );
    expect(refusal(await post('error'))).toEqual(
      transition('RuntimeResponseSentState', 'InvocationErrorResponse'),
    );
    void ask(api, 'GET', 'invocation/next').catch(() => undefined);
    await until(() => api.isReady);
    expect(refusal(await post('response'))).toEqual(WRONG_ID);
    expect(answers).toHaveLength(1);
  });

  test('everything else while a response is being sent', async () => {
    const { api } = await running();
    const { end } = connectRaw(api);
    end.write(
      `POST /2018-06-01/runtime/invocation/${ID}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf`,
    );
    await until(() => api.answering);
    expect(refusal(await ask(api, 'GET', 'invocation/next'))).toEqual(
      transition('InvocationResponse', 'Ready'),
    );
    expect(refusal(await ask(api, 'POST', `invocation/${ID}/error`, { body: '1' }))).toEqual(
      transition('InvocationResponse', 'InvocationErrorResponse'),
    );
  });

  test('an init error from a bootstrap that has started', async () => {
    const { api, initErrors } = await running();
    expect(refusal(await ask(api, 'POST', 'init/error', { body: '{}' }))).toEqual(
      transition('Running', 'InitError'),
    );
    expect(initErrors).toEqual([]);
  });

  test.each(['response', 'error'])('a %s that is too large, which is then an error', async (kind) => {
    const { api, answers } = await running();
    const body = Buffer.alloc(MAX_RESPONSE_BYTES + 1);
    expect(refusal(await ask(api, 'POST', `invocation/${ID}/${kind}`, { body }))).toEqual({
      status: 413,
      errorType: 'RequestEntityTooLarge',
      errorMessage: 'Exceeded maximum allowed payload size (6291556 bytes).',
    });
    const errorType = 'Function.ResponseSizeTooLarge';
    const errorMessage = 'Response payload size exceeded maximum allowed payload size (6291556 bytes).';
    expect(answers).toMatchObject([
      {
        error: { errorType, errorMessage },
        payload: Buffer.from(JSON.stringify({ errorType, errorMessage })),
      },
    ]);
    void ask(api, 'GET', 'invocation/next').catch(() => undefined);
    await until(() => api.isReady);
  });

  test('takes a response of exactly the limit', async () => {
    const { api, answers } = await running();
    const body = Buffer.alloc(MAX_RESPONSE_BYTES);
    expect((await ask(api, 'POST', `invocation/${ID}/response`, { body })).status).toBe(202);
    expect(answers[0]?.payload).toHaveLength(MAX_RESPONSE_BYTES);
  });

  test('a mode of response that there is not', async () => {
    const { api, answers } = await running();
    const headers = { 'Lambda-Runtime-Function-Response-Mode': 'Streaming' };
    expect(refusal(await ask(api, 'POST', `invocation/${ID}/response`, { body: '1', headers }))).toEqual({
      status: 400,
      errorType: 'InvalidFunctionResponseMode',
      errorMessage: 'Invalid function response mode',
    });
    expect(answers).toMatchObject([
      { payload: Buffer.alloc(0), error: { errorType: 'Runtime.InvalidResponseModeHeader' } },
    ]);
    expect(refusal(await ask(api, 'GET', 'invocation/next'))).toEqual(
      transition('InvocationResponse', 'Ready'),
    );
  });

  test('paths and methods that it does not have', async () => {
    const { api } = createTestedApi();
    expect(await ask(api, 'GET', 'invocation/last')).toMatchObject({
      status: 404,
      body: '404 page not found\n',
    });
    expect(await ask(api, 'POST', 'invocation/next', { body: '{}' })).toMatchObject({
      status: 405,
      headers: { allow: 'GET' },
    });
    expect(await ask(api, 'GET', 'init/error')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect((await ask(api, 'GET', 'restore/next')).status).toBe(404);
  });

  test('extensions, and says to those who want logs or telemetry that there are none', async () => {
    const { api } = createTestedApi();
    const root = { fromRoot: true };
    expect(await ask(api, 'POST', '/2020-01-01/extension/register', { body: '{}', ...root })).toMatchObject({
      status: 404,
      body: '',
    });
    expect(refusal(await ask(api, 'PUT', '/2020-08-15/logs', { body: '{}', ...root }))).toEqual({
      status: 202,
      errorType: 'Logs.NotSupported',
      errorMessage: 'Logs API is not supported',
    });
    expect(refusal(await ask(api, 'PUT', '/2022-07-01/telemetry', root))).toMatchObject({
      status: 202,
      errorType: 'Telemetry.NotSupported',
    });
    expect(await ask(api, 'GET', '/2018-06-01/ping', root)).toMatchObject({ status: 200, body: 'pong' });
  });

  test('a request of HTTP/1.1 without a host, and one that expects what it cannot give', async () => {
    const { api } = createTestedApi();
    const { end, received } = connectRaw(api);
    end.write('GET /2018-06-01/ping HTTP/1.1\r\n\r\n');
    await until(() => end.readableEnded);
    expect(received()).toMatch(/^HTTP\/1\.1 400 [^]*missing required Host header$/);
    const headers = { Expect: 'the unexpected' };
    expect((await ask(api, 'GET', '/2018-06-01/ping', { fromRoot: true, headers })).status).toBe(417);
  });

  test('what is not HTTP', async () => {
    const { api } = createTestedApi();
    const { end, received } = connectRaw(api);
    end.write('\u0000\u0001 this is not HTTP\r\n\r\n');
    await until(() => end.readableEnded);
    expect(received()).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('a request that is cut off', () => {
  const head = (headers: string): string =>
    `POST /2018-06-01/runtime/invocation/${ID}/response HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`;

  test.each([
    ['by the end of its connection', `${head('Content-Length: 10')}half`, true],
    ['in the middle of a chunk', `${head('Transfer-Encoding: chunked')}8\r\nhalf`, true],
    ['by a chunk that is none', `${head('Transfer-Encoding: chunked')}zzzz\r\nhalf`, false],
  ])('%s is an answer that says so', async (_how, text, ends) => {
    const { api, answers } = await running();
    const { end, received } = connectRaw(api);
    end.write(text);
    await until(() => api.answering || answers.length > 0);
    if (ends) end.end();
    await until(() => answers.length > 0 && end.readableEnded);
    expect(received()).toMatch(/^HTTP\/1\.1 400 [^]*TruncatedHTTPRequest/);
    const errorType = 'Runtime.TruncatedResponse';
    expect(answers).toMatchObject([{ error: { errorType }, reported: false, streamed: false }]);
    void ask(api, 'GET', 'invocation/next').catch(() => undefined);
    await until(() => api.isReady);
  });

  test('by a connection that breaks is an answer too', async () => {
    const { api, answers } = await running();
    const { end } = connectRaw(api);
    end.write(`${head('Content-Length: 10')}half`);
    await until(() => api.answering);
    end.destroy();
    await until(() => answers.length > 0);
    expect(answers).toMatchObject([{ error: { errorType: 'Runtime.TruncatedResponse' } }]);
  });

  test('in its head is no answer', async () => {
    const { api, answers } = await running();
    const { end } = connectRaw(api);
    end.end(head('Content-Length: 10').slice(0, 60));
    await until(() => end.readableEnded);
    expect(answers).toEqual([]);
    expect((await ask(api, 'POST', `invocation/${ID}/response`, { body: '1' })).status).toBe(202);
  });
});

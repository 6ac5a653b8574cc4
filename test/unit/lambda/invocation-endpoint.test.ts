import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EngineError, UsageError } from '../../../src/core/errors.js';
import { openInvocationEndpoint } from '../../../src/lambda/invocation-endpoint.js';
import type { InvocationOutcome, InvocationRequest, ResponseSink } from '../../../src/lambda/invocation.js';
import { failure } from '../../support/failure.js';
import { until } from './bootstrap-peer.js';

const PATH = '/2015-03-31/functions/function/invocations';
const STREAM_PATH = '/2021-11-15/functions/function/response-streaming-invocations';

const OUTCOME: InvocationOutcome = {
  requestId: 'the-id',
  status: 'success',
  payload: Buffer.from('"fine"'),
  contentType: 'text/x-own',
  streamed: false,
  error: undefined,
  report: { initMs: undefined, durationMs: 1, billedMs: 1, memoryMb: 128, peakMemoryMb: undefined },
  logTail: Buffer.from('the log\n'),
};

const FAILED: InvocationOutcome = {
  ...OUTCOME,
  status: 'error',
  payload: Buffer.from('{"errorType":"Function.X","errorMessage":"no"}'),
  error: { errorType: 'Function.X', errorMessage: 'no', stackTrace: [] },
};

type Script = (request: InvocationRequest, sink?: ResponseSink) => Promise<InvocationOutcome>;

/** An endpoint in front of a function that is a script, and what it was asked and said. */
async function endpointOf(script: Script = () => Promise.resolve(OUTCOME)) {
  const requests: InvocationRequest[] = [];
  const log: string[] = [];
  const endpoint = await openInvocationEndpoint({
    sandbox: {
      invoke: (request, sink) => {
        requests.push(request);
        return script(request, sink);
      },
    },
    port: 0,
    newRequestId: () => 'another-id',
    onLog: (line) => log.push(line),
  });
  const post = (
    body: string | Uint8Array,
    headers: Record<string, string> = {},
    path = PATH,
  ): Promise<Response> =>
    fetch(`${endpoint.url}${path}`, { method: 'POST', body: Buffer.from(body), headers });
  return { ...endpoint, requests, log, post };
}

async function expectRefusal(response: Response, status: number, type: string): Promise<string> {
  expect(response.status).toBe(status);
  expect(response.headers.get('x-amzn-errortype')).toBe(type);
  expect(response.headers.get('x-amzn-requestid')).toBe('another-id');
  const body = (await response.json()) as { Type: string; Message: string; message: string };
  expect(body).toEqual({
    Type: status < 500 ? 'User' : 'Service',
    Message: body.message,
    message: body.message,
  });
  return body.message;
}

test("the function's answer is returned unchanged, with Lambda's headers", async () => {
  await using endpoint = await endpointOf();
  const response = await endpoint.post('{"a":1}');
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('"fine"');
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/x-own',
    'content-length': '6',
    'x-amzn-requestid': 'the-id',
    'x-amz-executed-version': '$LATEST',
  });
  expect(response.headers.has('x-amz-function-error')).toBe(false);
  expect(response.headers.has('x-amz-log-result')).toBe(false);
});

test('headers are passed to the function with the event', async () => {
  await using endpoint = await endpointOf();
  await endpoint.post('{}', {
    'X-Amz-Client-Context': Buffer.from('{"client":{}}').toString('base64'),
    'X-Amz-Cognito-Identity': '{"cognitoIdentityId":"x"}',
    'X-Amz-Tenant-Id': 'tenant',
    'X-Amzn-Trace-Id': 'Root=1-x',
  });
  expect(endpoint.requests).toEqual([
    {
      event: Buffer.from('{}'),
      clientContext: '{"client":{}}',
      cognitoIdentity: '{"cognitoIdentityId":"x"}',
      tenantId: 'tenant',
      traceId: 'Root=1-x',
    },
  ]);
});

test('an event is passed unchanged with any bytes, an empty one as {}', async () => {
  await using endpoint = await endpointOf();
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  await endpoint.post(bytes);
  await endpoint.post('');
  expect(endpoint.requests.map(({ event }) => Buffer.from(event))).toEqual([bytes, Buffer.from('{}')]);
});

test('every function name, ARN and qualifier is accepted', async () => {
  await using endpoint = await endpointOf();
  const arn = encodeURIComponent('arn:aws:lambda:us-east-1:123456789012:function:mine');
  for (const path of ['mine/invocations', `${arn}/invocations?Qualifier=$LATEST`])
    expect((await endpoint.post('{}', {}, `/2015-03-31/functions/${path}`)).status).toBe(200);
});

test('a function that fails answers with 200, its error and a header', async () => {
  await using endpoint = await endpointOf(() => Promise.resolve(FAILED));
  const response = await endpoint.post('{}', { 'X-Amz-Log-Type': 'Tail' });
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/json',
    'x-amz-function-error': 'Unhandled',
    'x-amz-log-result': Buffer.from('the log\n').toString('base64'),
  });
  expect(await response.json()).toEqual({ errorType: 'Function.X', errorMessage: 'no' });
});

test('an Event is answered at once, and its failure is logged', async () => {
  let finish: ((outcome: InvocationOutcome) => void) | undefined;
  await using endpoint = await endpointOf(() => new Promise((resolve) => (finish = resolve)));
  const response = await endpoint.post('{}', { 'X-Amz-Invocation-Type': 'Event' });
  expect(response.status).toBe(202);
  expect(await response.text()).toBe('');
  expect(endpoint.log).toEqual([]);
  finish?.(FAILED);
  await until(() => endpoint.log.length > 0);
  expect(endpoint.log).toEqual(['the asynchronous invocation the-id failed: no']);
});

test('a DryRun invokes nothing', async () => {
  await using endpoint = await endpointOf();
  expect((await endpoint.post('{}', { 'X-Amz-Invocation-Type': 'DryRun' })).status).toBe(204);
  expect(endpoint.requests).toEqual([]);
});

test("requests that Lambda refuses are refused in Lambda's form, and invoke nothing", async () => {
  await using endpoint = await endpointOf();
  const { post, url } = endpoint;
  await expectRefusal(await fetch(`${url}/`), 404, 'ResourceNotFoundException');
  await expectRefusal(
    await post('{}', {}, '/2015-03-31/functions//invocations'),
    404,
    'ResourceNotFoundException',
  );
  const wrongMethod = await fetch(`${url}${PATH}`);
  expect(wrongMethod.headers.get('allow')).toBe('POST');
  await expectRefusal(wrongMethod, 405, 'MethodNotAllowedException');
  const type = await post('{}', { 'X-Amz-Invocation-Type': 'Sometimes' });
  expect(await expectRefusal(type, 400, 'InvalidParameterValueException')).toContain('Sometimes');
  for (const context of ['not base64!', Buffer.from('{').toString('base64')]) {
    const response = await post('{}', { 'X-Amz-Client-Context': context });
    await expectRefusal(response, 400, 'InvalidRequestContentException');
  }
  const identity = await post('{}', { 'X-Amz-Cognito-Identity': '{' });
  await expectRefusal(identity, 400, 'InvalidRequestContentException');
  expect(endpoint.requests).toEqual([]);
});

/** The status of an invocation with these headers; `fetch` would not send them all. */
function statusWith(url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}${PATH}`, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject).end('{}');
  });
}

test('requests that a web page could send are refused, and invoke nothing', async () => {
  await using endpoint = await endpointOf();
  const { port } = new URL(endpoint.url);
  for (const headers of [
    { host: 'evil.example.com' },
    { host: `evil.example.com:${port}` },
    { host: 'localhost.example.com' },
    { host: 'localhost:80@evil.example.com' },
    { origin: 'http://127.0.0.1:1' },
    { host: '127.0.0.1:1', origin: `http://127.0.0.1:${port}` },
    { origin: 'http://evil.example.com' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])
    expect(await statusWith(endpoint.url, headers), JSON.stringify(headers)).toBe(403);
  expect(endpoint.requests).toEqual([]);
});

test('requests of a program on this machine are accepted', async () => {
  await using endpoint = await endpointOf();
  const { port } = new URL(endpoint.url);
  for (const headers of [
    { host: `localhost:${port}` },
    { host: 'localhost:1' },
    { host: 'localhost' },
    { host: 'localhost:1', origin: 'http://localhost:1' },
    { host: `[::1]:${port}` },
    { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ])
    expect(await statusWith(endpoint.url, headers), JSON.stringify(headers)).toBe(200);
});

test('an event may have 6 MiB, an asynchronous one 1 MiB, and not one byte more', async () => {
  await using endpoint = await endpointOf();
  const { post } = endpoint;
  const later = { 'X-Amz-Invocation-Type': 'Event' };
  const [six, one] = [new Uint8Array(6 * 1024 ** 2), new Uint8Array(1024 ** 2)];
  expect((await post(six)).status).toBe(200);
  expect((await post(one, later)).status).toBe(202);
  const message = await expectRefusal(await post(Buffer.concat([six, one])), 413, 'RequestTooLargeException');
  expect(message).toBe('Request must be smaller than 6291456 bytes for the InvokeFunction operation');
  const tooLarge = await post(Buffer.concat([one, Buffer.from('x')]), later);
  expect(await expectRefusal(tooLarge, 413, 'RequestTooLargeException')).toContain('1048577 byte payload');
  expect(endpoint.requests).toHaveLength(2);
});

test("a failure that is not the function's is answered with 500 and logged", async () => {
  await using endpoint = await endpointOf(() =>
    Promise.reject(new EngineError('the engine is gone', { hint: 'Start it.' })),
  );
  const message = await expectRefusal(await endpoint.post('{}'), 500, 'ServiceException');
  expect(message).toBe('the engine is gone. Start it.');
  expect(endpoint.log).toEqual(['the invocation failed: the engine is gone. Start it.']);
});

test('a client that disconnects in the middle of its request, or before the answer, does no harm', async () => {
  const answers: (() => void)[] = [];
  await using endpoint = await endpointOf(async () => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return OUTCOME;
  });
  const { port } = new URL(endpoint.url);
  for (const body of ['{', '{}']) {
    const request = httpRequest({ port, path: PATH, method: 'POST', headers: { 'content-length': 2 } });
    request.on('error', () => undefined);
    await new Promise((sent) => request.write(body, sent));
    if (body === '{}') await until(() => answers.length === 1);
    await new Promise((closed) => request.on('close', closed).destroy());
  }
  answers[0]?.();
  const answer = endpoint.post('{}');
  await until(() => answers.length === 2);
  answers[1]?.();
  expect((await answer).status).toBe(200);
  expect(endpoint.requests).toHaveLength(2);
});

/** The types and payloads of the messages of an event stream. */
function messagesOf(bytes: Buffer): { readonly event: string; readonly payload: string }[] {
  const messages = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
    const [total, head] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
    const headers = bytes.subarray(at + 12, at + 12 + head).toString('latin1');
    const event = ['PayloadChunk', 'InvokeComplete'].find((name) => headers.includes(name)) ?? headers;
    messages.push({ event, payload: bytes.subarray(at + 12 + head, at + total - 4).toString() });
  }
  return messages;
}

test('a streamed answer is passed on as events while it arrives', async () => {
  let goOn: (() => void) | undefined;
  await using endpoint = await endpointOf(async (_request, sink) => {
    sink?.begin({ contentType: 'text/plain' });
    await sink?.write(Buffer.from('first'));
    await new Promise<void>((resolve) => (goOn = resolve));
    await sink?.write(Buffer.from('second'));
    return { ...OUTCOME, streamed: true, payload: Buffer.alloc(0) };
  });
  const response = await endpoint.post('{}', { 'X-Amz-Log-Type': 'Tail' }, STREAM_PATH);
  expect(response.headers.get('content-type')).toBe('application/vnd.amazon.eventstream');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const first = await reader.read();
  expect(messagesOf(Buffer.from(first.value ?? []))).toEqual([{ event: 'PayloadChunk', payload: 'first' }]);
  goOn?.();
  const rest: Uint8Array[] = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) rest.push(next.value);
  expect(messagesOf(Buffer.concat(rest))).toEqual([
    { event: 'PayloadChunk', payload: 'second' },
    { event: 'InvokeComplete', payload: JSON.stringify({ LogResult: OUTCOME.logTail.toString('base64') }) },
  ]);
});

test('a streaming invocation that fails ends with its error', async () => {
  await using endpoint = await endpointOf(() => Promise.resolve(FAILED));
  const response = await endpoint.post('{}', {}, STREAM_PATH);
  expect(messagesOf(Buffer.from(await response.arrayBuffer()))).toEqual([
    {
      event: 'InvokeComplete',
      payload: JSON.stringify({ ErrorCode: 'Function.X', ErrorDetails: FAILED.payload.toString() }),
    },
  ]);
});

test('a reader of a stream that disconnects does not block the function', async () => {
  const state = { ended: false };
  await using endpoint = await endpointOf(async (_request, sink) => {
    sink?.begin({ contentType: undefined });
    for (let count = 0; count < 100; count++) await sink?.write(Buffer.alloc(1024 * 1024));
    state.ended = true;
    return { ...OUTCOME, streamed: true };
  });
  const abort = new AbortController();
  const response = await fetch(`${endpoint.url}${STREAM_PATH}`, { method: 'POST', signal: abort.signal });
  expect(response.status).toBe(200);
  abort.abort();
  for (let count = 0; count < 100 && !state.ended; count++) await sleep(20);
  expect(state).toEqual({ ended: true });
});

test('a port that is in use is a usage error', async () => {
  await using endpoint = await endpointOf();
  const port = Number(new URL(endpoint.url).port);
  const options = { sandbox: { invoke: () => Promise.resolve(OUTCOME) }, port, newRequestId: () => 'x' };
  const error = await failure(openInvocationEndpoint({ ...options, onLog: () => undefined }), UsageError);
  expect(error.message).toBe(`cannot listen at 127.0.0.1:${port}: it is in use`);
  expect(error.hint).toContain('--port');
});

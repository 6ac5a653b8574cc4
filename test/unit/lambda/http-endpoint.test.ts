import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { EngineError, UsageError } from '../../../src/core/errors.js';
import { openHttpEndpoint } from '../../../src/lambda/http-endpoint.js';
import { HTTP_RESPONSE_TYPE } from '../../../src/lambda/http-response-stream.js';
import type { InvocationOutcome, InvocationRequest, ResponseSink } from '../../../src/lambda/invocation.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { until } from './bootstrap-peer.js';

const OUTCOME: InvocationOutcome = {
  requestId: 'the-id',
  status: 'success',
  payload: Buffer.from('{"statusCode":200,"body":"fine"}'),
  contentType: 'application/json',
  streamed: false,
  error: undefined,
  report: { initMs: undefined, durationMs: 1, billedMs: 1, memoryMb: 128, peakMemoryMb: undefined },
  logTail: Buffer.from(''),
};

const FAILED: InvocationOutcome = {
  ...OUTCOME,
  status: 'error',
  payload: Buffer.from('{}'),
  error: { errorType: 'Function.X', errorMessage: 'a <b> c', stackTrace: ['#0 <main>'] },
};

function answering(value: unknown): InvocationOutcome {
  return { ...OUTCOME, payload: Buffer.from(JSON.stringify(value)) };
}

type Script = (
  request: InvocationRequest,
  sink: ResponseSink,
) => InvocationOutcome | Promise<InvocationOutcome>;
type Event = Record<string, unknown> & { readonly headers: Readonly<Record<string, string>> };

/** An endpoint in front of a function that is a script, and what it was asked and said. */
async function endpointOf(script: Script = () => OUTCOME, assets?: string) {
  const events: Event[] = [];
  const log: string[] = [];
  let count = 0;
  const endpoint = await openHttpEndpoint({
    sandbox: {
      invoke: async (request, sink) => {
        events.push(JSON.parse(Buffer.from(request.event).toString()) as Event);
        if (sink === undefined) throw new Error('no sink');
        return script(request, sink);
      },
    },
    port: 0,
    assets: assets === undefined ? undefined : { folder: assets, linksInto: assets },
    newRequestId: () => `id-${++count}`,
    now: () => 0,
    onLog: (line) => log.push(line),
  });
  const get = (path: string, options: RequestInit = {}): Promise<Response> =>
    fetch(`${endpoint.url}${path}`, { redirect: 'manual', ...options });
  return { ...endpoint, events, log, get, received: () => count };
}

/** Sends a request as it is: fetch changes paths and refuses some headers. */
async function raw(
  url: string,
  options: { readonly path?: string; readonly method?: string; readonly headers?: Record<string, string> },
): Promise<IncomingMessage> {
  const request = httpRequest(url, options).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

test("a request becomes a function URL's event, and its answer the response", async () => {
  await using endpoint = await endpointOf(() =>
    answering({
      statusCode: 404,
      headers: { 'Content-Type': 'text/html; charset=utf-8', 'X-Name': 'ü', 'Content-Length': '1' },
      cookies: ['a=1', 'b=2'],
      body: 'nöne',
    }),
  );
  const response = await endpoint.get('/a%20b/?q=%C3%BC&q', {
    method: 'POST',
    body: '{}',
    headers: { 'Content-Type': 'application/json', Cookie: 'c=3; d=4', 'X-In': 'x' },
  });
  expect(response.status).toBe(404);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-length': '5',
    'x-amzn-requestid': 'id-1',
  });
  expect(Buffer.from(response.headers.get('x-name') ?? '', 'latin1').toString()).toBe('ü');
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  expect(await response.text()).toBe('nöne');
  const host = endpoint.url.slice('http://'.length);
  const [, port] = host.split(':');
  expect(endpoint.events).toMatchObject([
    {
      version: '2.0',
      rawPath: '/a%20b/',
      rawQueryString: 'q=%C3%BC&q',
      cookies: ['c=3', 'd=4'],
      headers: {
        host,
        'x-in': 'x',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-port': port,
        'x-forwarded-proto': 'http',
      },
      requestContext: {
        domainName: '127.0.0.1',
        http: { method: 'POST', path: '/a%20b/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' },
        requestId: 'id-1',
        time: '01/Jan/1970:00:00:00 +0000',
        timeEpoch: 0,
      },
      body: '{}',
      isBase64Encoded: false,
    },
  ]);
  await until(() => endpoint.log.length > 0);
  expect(endpoint.log).toEqual(['POST /a%20b/?q=%C3%BC&q 404']);
});

test('bytes go both ways unchanged', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  await using endpoint = await endpointOf((request) => {
    const { body, isBase64Encoded } = JSON.parse(Buffer.from(request.event).toString()) as Event;
    return answering({ statusCode: 200, headers: { 'content-type': 'image/png' }, body, isBase64Encoded });
  });
  const response = await endpoint.get('/', { method: 'PUT', body: bytes });
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
});

test('a result that is not a response is JSON with 200', async () => {
  await using endpoint = await endpointOf(() => answering({ hello: 'world' }));
  const response = await endpoint.get('/');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(await response.json()).toEqual({ hello: 'world' });
});

test('HEAD gets no body, and the length only if the function names it', async () => {
  await using endpoint = await endpointOf((request) => {
    const { rawPath } = JSON.parse(Buffer.from(request.event).toString()) as Event;
    const headers = rawPath === '/named' ? { 'Content-Length': '1234' } : {};
    return answering({ statusCode: 200, headers, body: 'x' });
  });
  const named = await endpoint.get('/named', { method: 'HEAD' });
  expect([named.status, named.headers.get('content-length')]).toEqual([200, '1234']);
  const other = await endpoint.get('/', { method: 'HEAD' });
  expect([other.headers.get('content-length'), await other.text()]).toEqual([null, '']);
});

test('204 and 304 have neither body nor length', async () => {
  await using endpoint = await endpointOf((request) => {
    const { rawPath } = JSON.parse(Buffer.from(request.event).toString()) as Event;
    return answering({ statusCode: rawPath === '/204' ? 204 : 304, body: '' });
  });
  for (const status of [204, 304]) {
    const response = await endpoint.get(`/${status}`);
    expect([response.status, response.headers.get('content-length')]).toEqual([status, null]);
  }
});

test('a streamed response arrives while the function writes it', async () => {
  let finish: (() => void) | undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  await using endpoint = await endpointOf(async (_request, sink) => {
    sink.begin({ contentType: HTTP_RESPONSE_TYPE });
    const prelude = { statusCode: 202, headers: { 'content-type': 'text/plain' }, cookies: ['a=1', 'b=2'] };
    await sink.write(Buffer.from(`${JSON.stringify(prelude)}\0\0\0`));
    await sink.write(Buffer.from('\0\0\0\0\0one'));
    await finished;
    await sink.write(Buffer.from(' two'));
    return { ...OUTCOME, streamed: true, payload: Buffer.alloc(0) };
  });
  const response = await endpoint.get('/');
  expect([response.status, response.headers.get('content-type')]).toEqual([202, 'text/plain']);
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  const reader = response.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('one');
  finish?.();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(' two');
  expect((await reader?.read())?.done).toBe(true);
});

test('a stream that breaks off is cut off for the client too', async () => {
  await using endpoint = await endpointOf(async (_request, sink) => {
    sink.begin({ contentType: 'text/plain' });
    await sink.write(Buffer.from('half'));
    return { ...FAILED, streamed: true };
  });
  const response = await endpoint.get('/');
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
  await until(() => endpoint.log.length > 0);
  expect(endpoint.log).toEqual(['GET / was cut off']);
});

test('a client that leaves in the middle of a stream does not hold up the function', async () => {
  let hasEnded = false;
  await using endpoint = await endpointOf(async (_request, sink) => {
    sink.begin({ contentType: 'text/plain' });
    for (let count = 0; count < 100; count++) await sink.write(Buffer.alloc(1024 ** 2));
    hasEnded = true;
    return { ...OUTCOME, streamed: true };
  });
  const abort = new AbortController();
  const response = await endpoint.get('/', { signal: abort.signal });
  expect(response.status).toBe(200);
  abort.abort();
  await until(() => hasEnded);
  await until(() => endpoint.log.length > 0);
  expect(endpoint.log).toEqual(['GET / was cut off']);
});

test('an error of the function is 502, as a page for browsers and as JSON for others', async () => {
  await using endpoint = await endpointOf(() => FAILED);
  const json = await endpoint.get('/');
  expect([json.status, await json.json()]).toEqual([502, FAILED.error]);
  const page = await endpoint.get('/', { headers: { Accept: 'text/html,*/*' } });
  expect([page.status, page.headers.get('content-type')]).toEqual([502, 'text/html; charset=utf-8']);
  const html = await page.text();
  expect(html).toContain('<h1>Function.X</h1>');
  expect(html).toContain('a &lt;b&gt; c');
  expect(html).toContain('#0 &lt;main&gt;');
});

test('a result that is not an HTTP response is 502, and the log says why', async () => {
  await using endpoint = await endpointOf(() => answering({ statusCode: 200, body: 7 }));
  const response = await endpoint.get('/');
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ errorType: 'InvalidHttpResponse' });
  expect(endpoint.log[0]).toContain('body');
});

test('a failure of the engine is 500, and the next request is served', async () => {
  let isBroken = true;
  await using endpoint = await endpointOf(() => {
    if (!isBroken) return OUTCOME;
    isBroken = false;
    throw new EngineError('the container ended', { hint: 'Look at the log.' });
  });
  const response = await endpoint.get('/');
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({ errorMessage: 'the container ended. Look at the log.' });
  expect(await (await endpoint.get('/')).text()).toBe('fine');
});

test('more than Lambda accepts is refused with 413 and not invoked', async () => {
  await using endpoint = await endpointOf();
  for (const sizeMb of [5, 7]) {
    // 5 MB are too much as well: in base64 they are 6.7.
    const body = Buffer.alloc(sizeMb * 1024 ** 2);
    expect((await endpoint.get('/', { method: 'POST', body })).status).toBe(413);
  }
  expect(endpoint.events).toEqual([]);
});

test('requests wait for one another, in their order', async () => {
  let running = 0;
  await using endpoint = await endpointOf(async () => {
    running += 1;
    expect(running).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return OUTCOME;
  });
  const responses = await Promise.all(Array.from({ length: 20 }, (_, index) => endpoint.get(`/${index}`)));
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  expect(endpoint.events).toHaveLength(20);
});

test('a client that leaves before its turn is not served; one that leaves later harms nobody', async () => {
  let finish: ((outcome: InvocationOutcome) => void) | undefined;
  await using endpoint = await endpointOf(() => new Promise((resolve) => (finish = resolve)));
  const first = new AbortController();
  const answers = [endpoint.get('/first', { signal: first.signal })];
  await until(() => endpoint.events.length === 1);
  const second = new AbortController();
  answers.push(endpoint.get('/second', { signal: second.signal }));
  await until(() => endpoint.received() === 2);
  const third = endpoint.get('/third');
  first.abort();
  second.abort();
  for (const answer of answers) await expect(answer).rejects.toThrow();
  await until(() => endpoint.log.length === 2);
  finish?.(OUTCOME);
  await until(() => endpoint.events.length === 2);
  finish?.(OUTCOME);
  expect(await (await third).text()).toBe('fine');
  expect(endpoint.events.map(({ rawPath }) => rawPath)).toEqual(['/first', '/third']);
});

test('a request for another host is refused, one through a forwarded port is not', async () => {
  await using endpoint = await endpointOf();
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80'])
    expect((await raw(endpoint.url, { headers: { Host: host } })).statusCode, host).toBe(403);
  expect(endpoint.events).toEqual([]);
  for (const host of ['localhost:1234', 'LOCALHOST', '[::1]:80'])
    expect((await raw(endpoint.url, { headers: { Host: host } })).statusCode, host).toBe(200);
});

test('requests of other pages reach the function: it decides about them, as on Lambda', async () => {
  await using endpoint = await endpointOf();
  const headers = { Origin: 'http://localhost:5173', 'Sec-Fetch-Site': 'cross-site' };
  expect((await endpoint.get('/', { headers })).status).toBe(200);
});

test('the path is passed on as it was sent', async () => {
  await using endpoint = await endpointOf();
  for (const path of ['/a/../b//c?', '/?a=%zz', 'http://localhost/x?y', 'http://localhost?y'])
    await textOf(await raw(endpoint.url, { path }));
  const paths = endpoint.events.map(({ rawPath, rawQueryString }) => [rawPath, rawQueryString]);
  expect(paths).toEqual([
    ['/a/../b//c', ''],
    ['/', 'a=%zz'],
    ['/x', 'y'],
    ['/', 'y'],
  ]);
  expect((await raw(endpoint.url, { path: '*', method: 'OPTIONS' })).statusCode).toBe(400);
});

test('assets are served without the function, to GET and HEAD', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'public/app.css': 'body{}', 'public/index.php': '<?php secret' });
  await using endpoint = await endpointOf(() => OUTCOME, join(folder.path, 'public'));
  const css = await endpoint.get('/app.css?v=1');
  expect([css.headers.get('content-type'), await css.text()]).toEqual(['text/css; charset=utf-8', 'body{}']);
  const head = await endpoint.get('/app.css', { method: 'HEAD' });
  expect([head.headers.get('content-length'), await head.text()]).toEqual(['6', '']);
  expect(endpoint.events).toEqual([]);
  for (const [path, method] of [
    ['/app.css', 'POST'],
    ['/index.php', 'GET'],
    ['/none.css', 'GET'],
  ] as const)
    expect(await (await endpoint.get(path, { method })).text()).toBe('fine');
  expect(endpoint.events).toHaveLength(3);
});

test('a port that is in use is a usage error that names the flag', async () => {
  await using endpoint = await endpointOf();
  const port = Number(new URL(endpoint.url).port);
  const options = {
    sandbox: { invoke: () => Promise.resolve(OUTCOME) },
    newRequestId: () => '',
    now: () => 0,
  };
  const error = await failure(openHttpEndpoint({ ...options, port, onLog: () => undefined }), UsageError);
  expect(error.message).toBe(`cannot listen at 127.0.0.1:${port}: it is in use`);
  expect(error.hint).toContain('--http');
});

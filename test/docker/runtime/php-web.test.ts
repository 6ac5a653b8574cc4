import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { EventFormat } from '../../../src/lambda/http-event.js';
import type { InvocationOutcome, InvocationRequest } from '../../../src/lambda/invocation.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { CLIENT, eventFor, type TestRequest } from '../../support/http-events.js';
import { openTestFunction, type TestFunction } from '../../support/local-function.js';

// What web, worker and console mode promise (docs/web.md), on real layers in real containers.

const FIXTURES = join(packageRoot, 'test', 'fixtures', 'php', 'web');
/** The parts of a page of `/echo`. */
interface Echo {
  readonly get: unknown;
  readonly post: unknown;
  readonly cookies: unknown;
  readonly files: unknown;
  readonly input: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly server: Readonly<Record<string, unknown>>;
}

/** An answer of Lambda's buffered format. */
interface HttpAnswer {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly cookies?: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

async function openWeb(
  layer: BuiltLayer,
  {
    handler = 'public/index.php',
    timeoutMs = 10_000,
    ...env
  }: Readonly<Record<string, string | number>> = {},
): Promise<TestFunction> {
  const files = Object.fromEntries(
    await Promise.all(
      ['public/index.php', 'public/worker.php', 'src/queue.php'].map(
        async (path) => [path, await readFile(join(FIXTURES, basename(path)))] as const,
      ),
    ),
  );
  const texts = Object.entries(env).map(([name, value]) => [name, String(value)]);
  return openTestFunction({
    layers: [layer.zip],
    files,
    handler: String(handler),
    env: { LAYERSMITH_MODE: 'web', ...(Object.fromEntries(texts) as Record<string, string>) },
    timeoutMs: Number(timeoutMs),
  });
}

async function send(fn: TestFunction, event: unknown): Promise<InvocationOutcome> {
  return fn.invoke({ event: Buffer.from(JSON.stringify(event)) });
}

async function sendRequest(
  fn: TestFunction,
  request: TestRequest,
  format: EventFormat = 'url',
): Promise<InvocationOutcome> {
  return fn.invoke({ event: eventFor(request, format) });
}

/** Waits for a text in the log after a position. It may arrive after the answer. */
async function expectLogged(fn: TestFunction, from: number, text: string | RegExp): Promise<void> {
  await expect.poll(() => fn.log.slice(from).join('\n'), { timeout: 5_000 }).toMatch(text);
}

async function page(
  fn: TestFunction,
  request: TestRequest | string,
  format?: EventFormat,
): Promise<HttpAnswer> {
  const { status, payload, error } = await sendRequest(
    fn,
    typeof request === 'string' ? { target: request } : request,
    format,
  );
  expect({ status, error }).toEqual({ status: 'success', error: undefined });
  return JSON.parse(payload.toString()) as HttpAnswer;
}

async function echo(fn: TestFunction, request: TestRequest, format?: EventFormat): Promise<Echo> {
  return JSON.parse((await page(fn, request, format)).body) as Echo;
}

describe.each(['php/8.4', 'php/7.4'])('web mode of %s', (recipe: string) => {
  let layer: BuiltLayer;
  let fn: TestFunction;

  beforeAll(async () => {
    layer = await builtLayer(recipe);
    fn = await openWeb(layer, { timeoutMs: 5_000 });
  });

  afterAll(async () => {
    await fn[Symbol.asyncDispose]();
    await layer[Symbol.asyncDispose]();
  });

  test('a request has the superglobals that a web server gives', async () => {
    const form = 'name=J%C3%BCrgen&tags[]=a&tags[]=b+c';
    const query = 'q=1&list[]=x&list[]=y&a.b=c&plus=+';
    const { get, post, cookies, input, headers, server } = await echo(fn, {
      method: 'POST',
      target: `/echo?${query}`,
      headers: {
        ...{ 'content-type': 'application/x-www-form-urlencoded', cookie: 'session=abc; theme=dark' },
        ...{ 'x-custom': 'v', x_custom: 'spoofed', proxy: 'evil' },
      },
      body: form,
    });
    expect(get).toEqual({ q: '1', list: ['x', 'y'], a_b: 'c', plus: ' ' });
    expect(post).toEqual({ name: 'Jürgen', tags: ['a', 'b c'] });
    expect(cookies).toEqual({ session: 'abc', theme: 'dark' });
    expect(input).toBe(form);
    expect(headers).toMatchObject({ 'X-Custom': 'v', Host: 'www.example.org' });
    expect(server).toMatchObject({
      REQUEST_METHOD: 'POST',
      REQUEST_URI: `/echo?${query}`,
      QUERY_STRING: query,
      SCRIPT_NAME: '/index.php',
      SCRIPT_FILENAME: '/var/task/public/index.php',
      DOCUMENT_ROOT: '/var/task/public',
      CONTENT_TYPE: 'application/x-www-form-urlencoded',
      CONTENT_LENGTH: String(form.length),
      REMOTE_ADDR: CLIENT,
      HTTPS: 'on',
      SERVER_PORT: '443',
      SERVER_NAME: 'www.example.org',
      HTTP_X_CUSTOM: 'v',
      HTTP_COOKIE: 'session=abc; theme=dark',
    });
    expect(server).not.toHaveProperty('HTTP_PROXY');
    const context: unknown = JSON.parse(String(server['LAMBDA_INVOCATION_CONTEXT']));
    expect(context).toMatchObject({ awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
    expect(JSON.parse(String(server['LAMBDA_REQUEST_CONTEXT']))).toMatchObject({ http: { method: 'POST' } });
  });

  test('the context is that of the invocation', async () => {
    const invoke = async (options: Partial<InvocationRequest>): Promise<unknown> => {
      const { payload, requestId } = await fn.invoke({ event: eventFor({ target: '/context' }), ...options });
      const { body } = JSON.parse(payload.toString()) as HttpAnswer;
      const [context, left, isJson] = JSON.parse(body) as [Record<string, unknown>, number, boolean];
      expect(context['awsRequestId']).toBe(requestId);
      expect(left).toBeGreaterThan(3_000);
      expect(left).toBeLessThanOrEqual(5_000);
      expect(isJson).toBe(true);
      return context;
    };
    expect(
      await invoke({ clientContext: '{"client":{"x":1}}', cognitoIdentity: 'no JSON', tenantId: 'blue' }),
    ).toEqual({
      ...{ awsRequestId: expect.any(String) as string, deadlineMs: expect.any(Number) as number },
      invokedFunctionArn: expect.stringMatching(/^arn:aws:lambda:/) as string,
      traceId: expect.stringMatching(/^Root=/) as string,
      ...{ clientContext: { client: { x: 1 } }, identity: null, tenantId: 'blue' },
      ...{ functionName: 'function', functionVersion: '$LATEST', memoryLimitInMB: 512 },
      logGroupName: expect.stringMatching(/^\/aws\/lambda\//) as string,
      logStreamName: expect.any(String) as string,
    });
    expect(await invoke({})).toMatchObject({ clientContext: null, tenantId: null });
  });

  test('numbers in the request context are as the event has them', async () => {
    const event = eventFor({ target: '/echo' })
      .toString()
      .replace('"requestContext":{', '"requestContext":{"real":0.10,"large":123456789012345678901234567890,');
    const { payload } = await fn.invoke({ event: Buffer.from(event) });
    const { server } = JSON.parse((JSON.parse(payload.toString()) as HttpAnswer).body) as Echo;
    const context = '{"real":0.10,"large":123456789012345678901234567890,';
    expect(String(server['LAMBDA_REQUEST_CONTEXT']).startsWith(context)).toBe(true);
  });

  test('files are uploaded, with their bytes', async () => {
    const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0x0d, 0x0a]);
    const head =
      '--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nünï\r\n--B\r\n' +
      'Content-Disposition: form-data; name="picture"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n';
    const body = Buffer.concat([Buffer.from(head), picture, Buffer.from('\r\n--B--\r\n')]);
    const headers = { 'content-type': 'multipart/form-data; boundary=B' };
    const answer = await page(fn, { method: 'POST', target: '/upload', headers, body });
    expect(JSON.parse(answer.body)).toEqual({
      post: { title: 'ünï' },
      name: 'p.png',
      type: 'image/png',
      size: picture.length,
      isUploaded: true,
      sha1: createHash('sha1').update(picture).digest('hex'),
      moved: true,
    });
  });

  test.each(['v1', 'v2', 'alb', 'alb-multi'] as const)('a request as %s means the same', async (format) => {
    const { get, server, cookies } = await echo(
      fn,
      { target: '/echo?q=a%20b&plus=%2B', headers: { Host: 'www.example.org:8443', Cookie: 'a=1; b=2' } },
      format,
    );
    expect(get).toEqual({ q: 'a b', plus: '+' });
    expect(cookies).toEqual({ a: '1', b: '2' });
    expect(server).toMatchObject({
      ...{ REMOTE_ADDR: CLIENT, SERVER_NAME: 'www.example.org', SERVER_PORT: '8443', HTTPS: 'on' },
      REQUEST_URI: '/echo?q=a%20b&plus=%2B',
    });
  });

  test('an answer has the status, headers and cookies of the script, in the form of its event', async () => {
    const url = await page(fn, '/headers');
    expect(url).toMatchObject({ statusCode: 201, body: 'created', isBase64Encoded: false });
    expect(url.headers).toMatchObject({ 'X-Twice': 'one, two' });
    expect(Object.keys(url.headers ?? {}).map((name) => name.toLowerCase())).not.toContain('connection');
    expect(Object.keys(url.headers ?? {}).map((name) => name.toLowerCase())).not.toContain(
      'transfer-encoding',
    );
    expect(url.cookies).toEqual(['a=1', expect.stringMatching(/^b=2%203; HttpOnly$/i)]);
    const rest = await page(fn, '/headers', 'v1');
    expect(rest.multiValueHeaders).toMatchObject({
      'X-Twice': ['one', 'two'],
      'Set-Cookie': [expect.any(String), expect.any(String)],
    });
    const multi = await page(fn, '/headers', 'alb-multi');
    expect(multi.multiValueHeaders).toMatchObject({ 'X-Twice': ['one', 'two'] });
    const single = await page(fn, '/headers', 'alb');
    const cookies = Object.entries(single.headers ?? {}).filter(
      ([name]) => name.toLowerCase() === 'set-cookie',
    );
    expect(cookies).toHaveLength(2);
    expect((await page(fn, '/status')).statusCode).toBe(418);
    expect(await page(fn, '/nowhere')).toMatchObject({ statusCode: 404, body: 'no such page' });
  });

  test('a body is base64 exactly if it is no text', async () => {
    const binary = await page(fn, '/binary');
    expect(binary.isBase64Encoded).toBe(true);
    expect(Buffer.from(binary.body, 'base64')).toEqual(Buffer.from('89504e470d0a1a0aff', 'hex'));
    expect((await page(fn, '/encoded')).isBase64Encoded).toBe(true);
    expect((await page(fn, '/nowhere')).isBase64Encoded).toBe(false);
  });

  test('HEAD has the headers and no body', async () => {
    const answer = await page(fn, { method: 'HEAD', target: '/headers' });
    expect(answer).toMatchObject({ statusCode: 201, body: '' });
    // Lambda counts a body, and here there is none.
    expect(answer.headers).toMatchObject({ 'X-Twice': 'one, two', 'Content-Length': '7' });
    expect((await page(fn, '/headers')).headers).not.toHaveProperty('Content-Length');
  });

  test('each request starts clean, in the same process, with opcache', async () => {
    const read = async (path: string): Promise<unknown> => JSON.parse((await page(fn, path)).body) as unknown;
    expect(await read('/globals')).toEqual([1, 1, 'fpm-fcgi', '/opt/etc/php/php.ini', '/var/task/public']);
    expect(await read('/globals')).toEqual([1, 1, 'fpm-fcgi', '/opt/etc/php/php.ini', '/var/task/public']);
    expect(await read('/pid')).toBe(await read('/pid'));
    // opcache leaves files alone that are younger than two seconds.
    await expect.poll(() => read('/opcache'), { timeout: 10_000, interval: 500 }).toBeGreaterThan(0);
  });

  test('sessions work', async () => {
    const first = await page(fn, '/session');
    expect(first.body).toBe('{"visits":1}');
    const cookie = first.cookies?.[0]?.split(';')[0] ?? '';
    expect(cookie).toMatch(/^PHPSESSID=/);
    expect((await page(fn, { target: '/session', headers: { cookie } })).body).toBe('{"visits":2}');
  });

  test('work goes on after the answer', async () => {
    const from = fn.log.length;
    expect((await page(fn, '/finish')).body).toBe('early');
    await page(fn, '/pid');
    await expectLogged(fn, from, 'after the answer');
  });

  test('what PHP logs has a level', async () => {
    const from = fn.log.length;
    await page(fn, '/levels');
    for (const line of [
      'WARN\tGET /levels\tPHP Warning:  dubious',
      'WARN\tGET /levels\tPHP Notice:  noted',
      'INFO\tGET /levels\tPHP Deprecated:  old',
      'ERROR\tGET /levels\tof its own',
    ]) {
      await expectLogged(fn, from, line);
    }
  });

  test('exit ends the request as a return does', async () => {
    expect(await page(fn, '/exit')).toMatchObject({
      statusCode: 200,
      body: 'exit and a shutdown function',
    });
  });

  test.each([
    ['/throw', /Uncaught Exception: first line\rsecond line/],
    ['/memory', /Allowed memory size of 16777216 bytes exhausted/],
    ['/time-limit', /Maximum execution time of 1 second exceeded/],
  ])('%s: a fatal error is a 500 and one log line, and the process lives', async (path, message) => {
    const before = (await page(fn, '/pid')).body;
    const from = fn.log.length;
    expect(await page(fn, `${path}?x=1`)).toMatchObject({ statusCode: 500, body: '' });
    const line = new RegExp(
      `\\t[0-9a-f-]{36}\\tERROR\\tGET ${path}\\?x=1\\tPHP Fatal error: [^\\n]*${message.source}`,
    );
    await expectLogged(fn, from, line);
    expect((await page(fn, '/pid')).body).toBe(before);
  });

  test.each([
    ['/loop', /GET \/loop: out of time, answered 504; PHP was at.*\/var\/task\/public\/index\.php:\d+/s],
    ['/sleep', /GET \/sleep: out of time, answered 504; PHP was at.*index\.php:\d+/s],
    ['/stuck', /GET \/stuck: out of time; PHP was ended by signal 9 .*, answered 504/],
  ])('%s: a request that outlives the function is a 504 before Lambda ends it', async (path, message) => {
    const from = fn.log.length;
    const answer = await page(fn, path);
    expect(answer.statusCode).toBe(504);
    await expectLogged(fn, from, message);
    expect((await page(fn, '/pid')).statusCode).toBe(200);
  });

  test('a crash costs one request', async () => {
    const from = fn.log.length;
    expect(await page(fn, '/crash')).toMatchObject({ statusCode: 502, body: 'Bad Gateway\n' });
    await expectLogged(fn, from, 'GET /crash: PHP was ended by signal 11 (Segmentation fault), answered 502');
    expect((await page(fn, '/pid')).statusCode).toBe(200);
  });

  test('endless recursion costs one request', async () => {
    // PHP watches the stack from 8.3 on.
    const statusCode = recipe === 'php/7.4' ? 502 : 500;
    expect((await page(fn, '/recursion')).statusCode).toBe(statusCode);
    expect((await page(fn, '/pid')).statusCode).toBe(200);
  });

  test('an answer above 6 MB is a 500 that says what to do', async () => {
    const from = fn.log.length;
    expect((await page(fn, '/large')).statusCode).toBe(500);
    await expectLogged(fn, from, 'LAYERSMITH_RESPONSE=streamed');
  });

  test('an event that is not HTTP is an error that says so', async () => {
    const { status, error } = await send(fn, { Records: [{ eventSource: 'aws:sqs' }] });
    expect(status).toBe('error');
    expect(error?.errorType).toBe('Runtime.NotHttp');
  });

  test('other events go to the handler that is named for them, in a process that stays', async () => {
    await using both = await openWeb(layer, { LAYERSMITH_EVENT_HANDLER: 'queue' });
    const result = async (event: unknown): Promise<unknown> =>
      JSON.parse((await send(both, event)).payload.toString());
    expect(await result({ Records: [1] })).toEqual([1, { Records: [1] }, 'cli', '/var/task']);
    expect((await page(both, '/pid')).statusCode).toBe(200);
    expect(await result({ Records: [2] })).toEqual([2, { Records: [2] }, 'cli', '/var/task']);
    expect((await send(both, { fails: 'throw' })).error?.errorType).toBe('Function.Exception');
    expect((await send(both, { fails: 'exit' })).error?.errorType).toBe('Function.Exit');
    expect((await send(both, { fails: 'kill' })).error?.errorType).toBe('Runtime.ExitError');
    expect(await result({ Records: [3] })).toEqual([1, { Records: [3] }, 'cli', '/var/task']);
  });

  test('answers are streamed as they are flushed, and an error in the middle is told', async () => {
    await using streaming = await openWeb(layer, { LAYERSMITH_RESPONSE: 'streamed' });
    const parts = await sendRequest(streaming, { target: '/parts' });
    expect(parts).toMatchObject({
      status: 'success',
      streamed: true,
      contentType: 'application/vnd.awslambda.http-integration-response',
    });
    const [prelude = '', body] = parts.payload.toString().split('\0'.repeat(8));
    expect(JSON.parse(prelude)).toMatchObject({ statusCode: 200 });
    expect(body).toBe('one two three');
    const large = await sendRequest(streaming, { target: '/throw' });
    expect(JSON.parse(large.payload.toString().split('\0')[0] ?? '')).toMatchObject({ statusCode: 500 });
    const late = await sendRequest(streaming, { target: '/fails-late' });
    expect(late).toMatchObject({ status: 'error', error: { errorType: 'Runtime.RequestFailed' } });
    expect((await sendRequest(streaming, { target: '/pid' })).status).toBe('success');
  });

  test('a handler that does not exist, and settings that are wrong, fail the init', async () => {
    for (const [settings, message] of [
      [{ handler: 'public/none.php' }, 'there is no file /var/task/public/none.php'],
      [{ handler: '../index.php' }, 'name the script that takes all requests'],
      [{ LAYERSMITH_RESPONSE: 'chunked' }, 'set it to buffered or streamed'],
      [{ LAYERSMITH_MODE: 'wep' }, 'set it to function, web, worker or console'],
    ] as const) {
      await using broken = await openWeb(layer, settings);
      const { status, error } = await sendRequest(broken, { target: '/' });
      expect(status).toBe('error');
      expect(error?.errorMessage).toContain(message);
    }
  });

  describe('in worker mode', () => {
    let worker: TestFunction;
    beforeAll(async () => {
      worker = await openWeb(layer, {
        handler: 'public/worker.php',
        LAYERSMITH_MODE: 'worker',
        timeoutMs: 3_000,
      });
    });
    afterAll(async () => worker[Symbol.asyncDispose]());
    const state = async (request: TestRequest): Promise<Record<string, unknown>> =>
      JSON.parse((await page(worker, request)).body) as Record<string, unknown>;

    test('the application starts once, and each request has its own superglobals', async () => {
      const first = await state({ target: '/?a=1' });
      expect(first).toMatchObject({
        get: { a: '1' },
        post: [],
        cookies: [],
        request: { a: '1' },
        method: 'GET',
        worker: '1',
        env: 'kept',
      });
      const second = await state({
        method: 'POST',
        target: '/',
        headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: 'k=v' },
        body: 'p=1',
      });
      expect(second).toMatchObject({
        get: [],
        post: { p: '1' },
        cookies: { k: 'v' },
        input: 'p=1',
        method: 'POST',
        env: 'kept',
      });
      expect(second['started']).toBe(first['started']);
      expect(second['handled']).toBe(Number(first['handled']) + 1);
      const third = await state({ target: '/' });
      expect(third).toMatchObject({ get: [], post: [], cookies: [], files: [], input: '' });
    });

    test('the context is that of the request, and there is none at the start', async () => {
      for (let n = 0; n < 2; n += 1) {
        const { payload, requestId } = await sendRequest(worker, { target: '/context' });
        const { body } = JSON.parse(payload.toString()) as HttpAnswer;
        expect(JSON.parse(body)).toEqual([null, requestId]);
      }
    });

    test('a session is that of its request', async () => {
      const first = await page(worker, '/session');
      expect(first.body).toBe('1');
      const cookie = first.cookies?.[0]?.split(';')[0] ?? '';
      expect((await page(worker, { target: '/session', headers: { cookie } })).body).toBe('2');
      expect((await page(worker, '/session')).body).toBe('1');
      expect(await state({ target: '/' })).toMatchObject({ session: false });
    });

    test('a session handler that the application sets once serves every request', async () => {
      await using own = await openWeb(layer, { handler: 'public/worker.php', LAYERSMITH_MODE: 'worker' });
      const first = await page(own, '/handler');
      expect(first.body).toBe('1 1');
      const cookie = first.cookies?.[0]?.split(';')[0] ?? '';
      expect((await page(own, { target: '/handler', headers: { cookie } })).body).toBe('2 2');
    });

    test('an answer is compressed for its own client only', async () => {
      const headers = { 'accept-encoding': 'gzip' };
      expect((await page(worker, { target: '/gzip', headers })).headers).toMatchObject({
        'Content-Encoding': 'gzip',
      });
      const plain = await page(worker, '/gzip');
      expect(plain.headers).not.toHaveProperty('Content-Encoding');
      expect(plain.body).toBe('compressed for clients that accept it');
    });

    test('an exception costs its request only', async () => {
      const { started } = await state({ target: '/' });
      const from = worker.log.length;
      expect((await page(worker, '/throw')).statusCode).toBe(500);
      await expectLogged(worker, from, 'Uncaught Exception: a request that fails');
      expect((await state({ target: '/' }))['started']).toBe(started);
    });

    test.each([
      ['/exit', 200],
      ['/memory', 500],
      ['/crash', 502],
      ['/loop', 504],
    ])('after %s the application starts again', async (path, statusCode) => {
      const { started } = await state({ target: '/' });
      expect((await page(worker, path)).statusCode).toBe(statusCode);
      const after = await state({ target: '/' });
      expect(after['started']).not.toBe(started);
      expect(after['handled']).toBe(1);
    });

    test('the number of requests before it starts again can be limited', async () => {
      const settings = {
        handler: 'public/worker.php',
        LAYERSMITH_MODE: 'worker',
        LAYERSMITH_MAX_REQUESTS: 2,
      };
      await using limited = await openWeb(layer, settings);
      const handled: unknown[] = [];
      for (let i = 0; i < 5; i++) {
        const { body } = await page(limited, '/');
        handled.push((JSON.parse(body) as Record<string, unknown>)['handled']);
      }
      expect(handled).toEqual([1, 2, 1, 2, 1]);
    });

    test('a script that handles no request fails the init', async () => {
      await using broken = await openWeb(layer, { LAYERSMITH_MODE: 'worker' });
      expect((await sendRequest(broken, { target: '/' })).status).toBe('error');
      expect(broken.log.join('\n')).toContain('ended before it called frankenphp_handle_request()');
    });
  });

  test('console mode runs commands', async () => {
    const files = {
      artisan: '<?php echo json_encode(array_slice($argv, 1)), PHP_SAPI; exit(count($argv) - 2);',
    };
    await using console = await openTestFunction({
      layers: [layer.zip],
      files,
      handler: 'artisan',
      env: { LAYERSMITH_MODE: 'console' },
    });
    const result = async (event: unknown): Promise<unknown> =>
      JSON.parse((await send(console, event)).payload.toString());
    expect(await result("migrate --name='a b'")).toEqual({
      exitCode: 1,
      output: '["migrate","--name=a b"]cli',
    });
    expect(await result(['$HOME'])).toEqual({ exitCode: 0, output: '["$HOME"]cli' });
    expect((await send(console, { a: 1 })).error?.errorMessage).toContain(
      'a string of arguments, or a list of strings',
    );
  });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { InvocationOutcome, InvocationRequest } from '../../../src/lambda/invocation.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { openTestFunction, type TestFunction } from '../../support/local-function.js';

// What the PHP bootstrap promises to functions (docs/functions.md), on real layers in real containers.

describe.each(['php/8.4', 'php/7.4'])('the bootstrap of %s', (recipe) => {
  let layer: BuiltLayer;
  let fn: TestFunction;

  beforeAll(async () => {
    layer = await builtLayer(recipe);
    const cases = await readFile(join(packageRoot, 'test', 'fixtures', 'php', 'cases.php'));
    fn = await openTestFunction({
      layers: [layer.zip],
      files: { 'src/cases.php': cases },
      handler: 'cases',
      timeoutMs: 30_000,
    });
  });

  afterAll(async () => {
    await fn[Symbol.asyncDispose]();
    await layer[Symbol.asyncDispose]();
  });

  /** The outcome with its payload as JSON, or as text, and the lines that came into the log meanwhile. */
  async function run(
    event: unknown,
    request: Omit<InvocationRequest, 'event'> = {},
  ): Promise<
    Pick<InvocationOutcome, 'status' | 'error' | 'contentType'> & { value: unknown; log: string[] }
  > {
    const from = fn.log.length;
    const outcome = await fn.invoke({ ...request, event: Buffer.from(JSON.stringify(event)) });
    const text = outcome.payload.toString('utf8');
    let value: unknown = text;
    if (outcome.contentType === 'application/json') value = JSON.parse(text);
    return { ...outcome, value, log: fn.log.slice(from) };
  }

  async function result(code: string): Promise<unknown> {
    return (await run({ case: 'result', code })).value;
  }

  test('events and results are passed unchanged', async () => {
    const event = {
      text: 'ünïcödé / "quoted" \u2028 \0 end',
      list: [1, 2.5, -0.1, true, null, '', 1e300],
      nested: { 'a b': { c: [[]] }, '': 'empty key' },
    };
    expect((await run(event)).value).toEqual(event);
    expect(
      (await fn.invoke({ event: Buffer.from('{"n":12345678901234567890,"one":1.0}') })).payload.toString(),
    ).toBe('{"n":"12345678901234567890","one":1.0}');
  });

  test.each([
    ['null', null],
    ['false', false],
    ['0', 0],
    ['[]', []],
    ['new stdClass', {}],
    ['["a" => "/"]', { a: '/' }],
    ['new Listed(["x" => new Listed(1)])', { x: 1 }],
  ])('%s is sent as JSON', async (code, expected) => {
    const answer = await run({ case: 'result', code });
    expect(answer.value).toEqual(expected);
    expect(answer.contentType).toBe('application/json');
  });

  test('a string is sent unchanged, with any bytes', async () => {
    expect(await result('"plain"')).toBe('plain');
    expect(await result('""')).toBe('');
    const bytes = await fn.invoke({
      event: Buffer.from(
        JSON.stringify({ case: 'result', code: 'implode(array_map("chr", range(0, 255)))' }),
      ),
    });
    expect([...bytes.payload]).toEqual(Array.from({ length: 256 }, (_, index) => index));
  });

  test.each([
    ['["users" => [["name" => "ok"], ["name" => "\\xff"]]]', 'result.users[1].name is not UTF-8'],
    ['["a b" => INF]', 'result["a b"] is INF'],
    ['[1, [2, NAN]]', 'result[1][1] is NAN'],
    ['["\\xff" => 1]', 'result has a key that is not UTF-8'],
    ['["file" => STDERR]', 'result.file is a resource'],
    [
      '(function () { $o = new stdClass; $o->a = ["me" => $o]; return $o; })()',
      'result.a.me refers to itself',
    ],
    ['(function () { $a = []; $a["b"] = &$a; return $a; })()', /^result\.b\.b.*… refers to itself$/],
    [
      '(function () { for ($a = 1, $i = 0; $i < 3000; $i++) $a = [$a]; return $a; })()',
      /… is deeper than 2048 levels$/,
    ],
    ['new Listed(["x" => [NAN]])', 'result.x[0] is NAN'],
  ])('%s cannot be sent, and the error names the place', async (code, message) => {
    const { status, error } = await run({ case: 'result', code });
    expect(status).toBe('error');
    expect(error).toMatchObject({
      errorType: 'Runtime.MarshalError',
      errorMessage: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
    });
  });

  test("the context has Lambda's values", async () => {
    const traceId = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';
    const before = Date.now();
    const outcome = await fn.invoke({
      event: Buffer.from('{"case":"context"}'),
      traceId,
      clientContext: '{"custom":{"key":"välue"}}',
      cognitoIdentity: '{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}',
      tenantId: 'tenant-1',
    });
    const value = JSON.parse(outcome.payload.toString()) as {
      context: { deadlineMs: number };
      remaining: number;
    };
    expect(value).toEqual({
      context: {
        awsRequestId: outcome.requestId,
        invokedFunctionArn: expect.stringMatching(
          /^arn:aws:lambda:us-east-1:\d{12}:function:function$/,
        ) as string,
        deadlineMs: expect.any(Number) as number,
        traceId,
        clientContext: { custom: { key: 'välue' } },
        identity: { cognitoIdentityId: 'id', cognitoIdentityPoolId: 'pool' },
        tenantId: 'tenant-1',
        functionName: 'function',
        functionVersion: '$LATEST',
        memoryLimitInMB: 512,
        logGroupName: '/aws/lambda/function',
        logStreamName: expect.stringMatching(/./) as string,
      },
      remaining: expect.any(Number) as number,
      current: true,
      trace: [traceId, traceId, traceId],
    });
    expect(value.context.deadlineMs).toBeGreaterThan(before + 29_000);
    expect(value.context.deadlineMs).toBeLessThan(Date.now() + 30_001);
    expect(value.remaining).toBeGreaterThan(28_000);
    expect(value.remaining).toBeLessThanOrEqual(30_000);
    // Nothing of it stays for the next.
    const next = await run({ case: 'context' });
    expect(next.value).toMatchObject({ context: { clientContext: null, identity: null, tenantId: null } });
    expect(next.value).not.toMatchObject({ trace: [traceId] });
  });

  test('an exception is an error with its chain and its trace, and the process continues', async () => {
    const { value: before } = await run({ case: 'pid' });
    const { status, value, error, log } = await run({ case: 'throw' });
    expect(status).toBe('error');
    expect(error?.errorType).toBe('Function.RuntimeException');
    expect(value).toEqual({
      errorType: 'Function.RuntimeException',
      errorMessage: 'it failed',
      stackTrace: [expect.stringMatching(/^\/var\/task\/src\/cases\.php:\d+$/) as string, 'cases()'],
      cause: {
        errorType: 'Function.LogicException',
        errorMessage: 'the \ufffd cause',
        stackTrace: expect.any(Array) as string[],
      },
    });
    expect(log.filter((line) => line.includes('\tERROR\tInvoke Error\t'))).toHaveLength(1);
    const { value: after } = await run({ case: 'pid' });
    expect((after as { pid: number }).pid).toBe((before as { pid: number }).pid);
  });

  test.each([
    ['exit()', { case: 'exit' }, 'Function.Exit', /^exit\(\) was called/],
    ['a fatal error', { case: 'fatal' }, 'Function.FatalError', /Cannot (re)?declare class Twice/],
    [
      'memory used up by one big piece',
      { case: 'memory', piece: 400_000_000 },
      'Function.OutOfMemory',
      /^Allowed memory size/,
    ],
    [
      'memory used up by small pieces',
      { case: 'memory', piece: 100 },
      'Function.OutOfMemory',
      /^Allowed memory size/,
    ],
    ["PHP's time limit", { case: 'time' }, 'Function.TimeLimit', /^Maximum execution time of 1/],
    [
      'an exit with a shutdown function',
      { case: 'shutdown function' },
      'Function.Exit',
      /^exit\(\) was called/,
    ],
  ])(
    '%s is answered as an error, and the next event meets a new process',
    async (_name, event, errorType, message) => {
      const { value: before } = await run({ case: 'pid' });
      const { status, error, log } = await run(event);
      expect({ status, error }).toMatchObject({
        status: 'error',
        error: { errorType, errorMessage: expect.stringMatching(message) as string },
      });
      expect(log.some((line) => line.includes(errorType))).toBe(true);
      const { value: after, status: healthy } = await run({ case: 'pid' });
      expect(healthy).toBe('success');
      expect((after as { pid: number }).pid).not.toBe((before as { pid: number }).pid);
      expect(after).toMatchObject({ count: 1 });
    },
  );

  test('endless recursion is answered by the platform, and the log names the line', async () => {
    const { status, error, log } = await run({ case: 'recursion' });
    expect({ status, error }).toMatchObject({ status: 'error', error: { errorType: 'Runtime.ExitError' } });
    expect(log.join('\n')).toMatch(
      /Allowed memory size of \d+ bytes exhausted .* in \/var\/task\/src\/cases\.php/,
    );
    expect((await run({ case: 'pid' })).status).toBe('success');
  });

  test("a function's shutdown functions run, and print to the log", async () => {
    await run({ case: 'shutdown function' });
    await run({ case: 'pid' });
    expect(fn.log).toContain("the function's own shutdown");
  });

  test("a function's output is in the log, and nowhere else", async () => {
    const { value, log } = await run({ case: 'print' });
    expect(value).toBe('printed');
    for (const line of ['echoed', 'to stdout', 'to stderr', 'buffered, never closed', 'hello'])
      expect(log).toContain(line);
  });

  test('state of an invocation does not reach the next', async () => {
    const clean = {
      handled: true,
      folder: '/var/task',
      timezone: 'UTC',
      limit: '0',
      libxml: false,
      levels: 1,
      leaks: [false, false, false],
    };
    const { value: before } = await run({ case: 'state' });
    expect(before).toMatchObject(clean);
    for (const kind of ['dirty', 'no handlers']) {
      await run({ case: kind });
      expect((await run({ case: 'state' })).value).toEqual(before);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // its alarm and its time limit would be over
    expect((await run({ case: 'state' })).value).toEqual(before);
  });

  test('a session ends with its invocation, and does not reach the next', async () => {
    const { value: first } = await run({ case: 'session' });
    const { value: second } = await run({ case: 'session' });
    expect(first).toMatchObject({ visits: 1 });
    expect(second).toMatchObject({ visits: 1, headers: (first as { headers: string[] }).headers });
    expect((second as { id: string }).id).not.toBe((first as { id: string }).id);
  });

  test('a failing output buffer loses only its own content', async () => {
    const { value, log } = await run({ case: 'bad buffer' });
    expect(value).toBe('answered');
    expect(log.join('\n')).toMatch(/bootstrap: .*buffer.*: this buffer always fails/);
    expect((await run({ case: 'state' })).value).toMatchObject({ levels: 1 });
  });

  test('a content type cannot inject into the request', async () => {
    expect((await run({ case: 'bad type' })).error).toMatchObject({
      errorType: 'Function.InvalidArgumentException',
    });
  });

  test('the end of a child process does not answer for the function', async () => {
    expect((await run({ case: 'fork' })).value).toEqual({ status: 3 });
  });

  test('/tmp is kept when the process is started again', async () => {
    await run({ case: 'tmp' });
    await run({ case: 'exit' });
    expect((await run({ case: 'kept' })).value).not.toBe('gone');
  });

  describe('streaming', () => {
    test('a generator, a callable that writes and a StreamedResponse are streamed', async () => {
      const pieces = ['one ', '', 'two ', 'x'.repeat(100_000), '\0\r\n0\r\n\r\n'];
      for (const kind of ['generator', 'stream', 'typed']) {
        const outcome = await fn.invoke({ event: Buffer.from(JSON.stringify({ case: kind, pieces })) });
        expect(outcome).toMatchObject({
          status: 'success',
          streamed: true,
          contentType: kind === 'typed' ? 'text/csv' : 'application/octet-stream',
        });
        expect(outcome.payload.toString()).toBe(pieces.join(''));
      }
      expect(fn.log).toContain('this goes to the log');
    });

    test('pieces arrive one by one, before the end', async () => {
      const seen: string[] = [];
      const outcome = await fn.invoke(
        { event: Buffer.from(JSON.stringify({ case: 'generator', pieces: ['a', 'b', 'c'] })) },
        {
          begin: ({ contentType }) => seen.push(`begin ${String(contentType)}`),
          write: (bytes) => {
            seen.push(Buffer.from(bytes).toString());
            return Promise.resolve();
          },
        },
      );
      expect(seen.slice(1).join('')).toBe('abc');
      expect(seen[0]).toBe('begin application/octet-stream');
      expect(outcome.status).toBe('success');
    });

    test('a slow reader receives the whole answer', async () => {
      let wait = 7_000; // longer than PHP waits for one write
      let received = 0;
      const outcome = await fn.invoke(
        { event: Buffer.from('{"case":"flood","megabytes":24}') },
        {
          begin: () => undefined,
          write: async (bytes) => {
            received += bytes.length;
            await new Promise((resolve) => setTimeout(resolve, wait));
            wait = 0;
          },
        },
      );
      expect(outcome.status).toBe('success');
      expect(received).toBe(24 * 1024 * 1024);
    });

    test('an answer for HTTP has its prelude', async () => {
      const outcome = await fn.invoke({
        event: Buffer.from(JSON.stringify({ case: 'http', pieces: ['body'] })),
      });
      expect(outcome.contentType).toBe('application/vnd.awslambda.http-integration-response');
      const [prelude = '', body] = outcome.payload.toString().split('\0'.repeat(8));
      expect(JSON.parse(prelude)).toEqual({
        statusCode: 418,
        headers: { 'x-tea': 'pot' },
        cookies: ['a=1', 'b=2'],
      });
      expect(body).toBe('body');
    });

    test('an error before the first byte is an ordinary error', async () => {
      const { status, error } = await run({ case: 'generator', pieces: ['throw'] });
      expect({ status, error }).toMatchObject({
        status: 'error',
        error: { errorType: 'Function.DomainException', errorMessage: 'in the middle' },
      });
    });

    test.each([
      ['an exception', { case: 'generator', pieces: ['begun', 'throw'] }, 'Function.DomainException'],
      ['exit()', { case: 'stream', pieces: ['begun'], then: 'exit' }, 'Function.Exit'],
      ['exhausted memory', { case: 'stream', pieces: ['begun'], then: 'memory' }, 'Function.OutOfMemory'],
      [
        'something that is no string',
        { case: 'generator', pieces: ['begun', ['x']] },
        'Runtime.MarshalError',
      ],
    ])('%s in the middle is reported in the trailers', async (_name, event, errorType) => {
      const { status, error } = await run(event);
      expect({ status, error }).toMatchObject({ status: 'error', error: { errorType } });
      expect((await run({ case: 'pid' })).status).toBe('success');
    });
  });

  test('an answer of 6 MiB passes, one over the limit is an error, and the process continues', async () => {
    const { value: before } = await run({ case: 'pid' });
    const limit = 6 * 1024 * 1024 + 100;
    expect((await run({ case: 'big', size: limit })).value).toHaveLength(limit);
    const { status, error } = await run({ case: 'big', size: limit + 1 });
    expect({ status, error }).toMatchObject({
      status: 'error',
      error: { errorType: 'Function.ResponseSizeTooLarge' },
    });
    const { value: after } = await run({ case: 'pid' });
    expect((after as { pid: number }).pid).toBe((before as { pid: number }).pid);
  });

  test.each([
    ['nothing', ''],
    ['what is not JSON', '{"a":'],
    ['NUL bytes', '\0\0\0'],
    ['bytes that are not UTF-8', '"\xff\xfe"'],
    ['100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('an event of %s is an error of its own', async (_name, event) => {
    const outcome = await fn.invoke({ event: Buffer.from(event, 'latin1') });
    expect(outcome.error).toMatchObject({
      errorType: 'Runtime.UnmarshalError',
      errorMessage: expect.stringMatching(/^the event is not JSON: /) as string,
    });
  });

  test('an event of 6 MiB is returned unchanged, and so is one of 2,000 levels', async () => {
    const big = JSON.stringify({ pad: 'é\r\nContent-Length: 0\r\n\r\n'.repeat(200_000) });
    expect((await fn.invoke({ event: Buffer.from(big) })).payload.toString() === big).toBe(true);
    const deep = `{"deep":${'['.repeat(2_000)}${']'.repeat(2_000)}}`;
    expect((await fn.invoke({ event: Buffer.from(deep) })).payload.toString()).toBe(deep);
  });

  test('without a memory limit of its own, a function with 128 MB reports exhaustion before the kernel kills it', async () => {
    const cases = await readFile(join(packageRoot, 'test', 'fixtures', 'php', 'cases.php'));
    await using small = await openTestFunction({
      layers: [layer.zip],
      files: { 'src/cases.php': cases },
      handler: 'cases',
      memoryMb: 128,
    });
    const { error } = await small.invoke({ event: Buffer.from('{"case":"memory","piece":4096}') });
    expect(error).toMatchObject({ errorType: 'Function.OutOfMemory' });
    expect(Number(/Allowed memory size of (\d+)/.exec(error?.errorMessage ?? '')?.[1])).toBeGreaterThan(
      90 * 1024 * 1024,
    );
  });
});

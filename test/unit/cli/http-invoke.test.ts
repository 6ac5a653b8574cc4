import { expect, test } from 'vitest';
import { invokeHttp, type HttpInvocation } from '../../../src/cli/http-invoke.js';
import { HTTP_RESPONSE_TYPE } from '../../../src/lambda/http-response-stream.js';
import type { InvocationOutcome, ResponseSink } from '../../../src/lambda/invocation.js';
import { fakeIo, type FakeIo } from '../../support/fake-io.js';

const OUTCOME: InvocationOutcome = {
  requestId: 'the-id',
  status: 'success',
  payload: Buffer.from(
    '{"statusCode":404,"headers":{"Content-Type":"text/plain"},"cookies":["a=1","b=2"],"body":"none"}',
  ),
  contentType: 'application/json',
  streamed: false,
  error: undefined,
  report: { initMs: undefined, durationMs: 1, billedMs: 1, memoryMb: 128, peakMemoryMb: undefined },
  logTail: Buffer.from(''),
};

const PRINTED =
  'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nnone';

const FAILED: InvocationOutcome = {
  ...OUTCOME,
  status: 'error',
  payload: Buffer.from('{"errorType":"X"}'),
  error: { errorType: 'X', errorMessage: 'no', stackTrace: [] },
};

type Script = (sink: ResponseSink | undefined) => InvocationOutcome | Promise<InvocationOutcome>;

/** Invokes a function that is a script, and returns what was printed. */
async function invoked(
  script: Script,
  options: Partial<HttpInvocation> = {},
  changes: Partial<FakeIo> = {},
): Promise<FakeIo & { readonly isProblem: boolean; readonly ids: readonly (string | undefined)[] }> {
  const io = fakeIo('/', changes);
  const ids: (string | undefined)[] = [];
  const { problem } = await invokeHttp(
    io,
    {
      init: () => Promise.resolve(),
      invoke: async (request, sink) => {
        ids.push(request.requestId);
        return script(sink);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    {
      request: { event: Buffer.from('{}'), requestId: 'chosen' },
      format: 'url',
      repeat: 1,
      json: false,
      ...options,
    },
  );
  return { ...io, ids, isProblem: problem !== undefined };
}

test('a response is printed as by curl -i', async () => {
  const io = await invoked(() => OUTCOME);
  expect(io.stdout()).toBe(PRINTED);
  expect(io.stderr()).toBe('');
  expect(io.ids).toEqual(['chosen']);
});

test('on a terminal, a newline follows a body without one', async () => {
  expect((await invoked(() => OUTCOME, {}, { outIsTerminal: true })).stdout()).toBe(`${PRINTED}\n`);
});

test('a streamed response is printed piece by piece', async () => {
  const io = await invoked(async (sink) => {
    sink?.begin({ contentType: HTTP_RESPONSE_TYPE });
    for (const part of ['{"statusCode":200,"headers":{"Content-Type":"a/b"}}', '\0'.repeat(8), 'one', 'two'])
      await sink?.write(Buffer.from(part));
    return { ...OUTCOME, streamed: true, payload: Buffer.alloc(0) };
  });
  expect(io.stdout()).toBe('HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nonetwo');
});

test('a failure is printed as its JSON, and one in the middle of a stream as a message', async () => {
  expect((await invoked(() => FAILED)).stdout()).toBe('{"errorType":"X"}');
  const io = await invoked(async (sink) => {
    sink?.begin({ contentType: 'a/b' });
    await sink?.write(Buffer.from('half'));
    return { ...FAILED, streamed: true };
  });
  expect(io.stdout()).toBe('HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nhalf');
  expect(io.stderr()).toContain('cut off: X: no');
});

test('a result that is not a response is printed as it is, and is a problem', async () => {
  const io = await invoked(() => ({ ...OUTCOME, payload: Buffer.from('{"statusCode":1}') }));
  expect(io.isProblem).toBe(true);
  expect(io.stdout()).toBe('{"statusCode":1}');
  expect(io.stderr()).toContain('statusCode');
});

test('--json has the response beside the result', async () => {
  const { response, payload } = JSON.parse((await invoked(() => OUTCOME, { json: true })).stdout()) as {
    response: unknown;
    payload: unknown;
  };
  expect(response).toEqual({
    statusCode: 404,
    headers: { 'content-type': ['text/plain'], 'set-cookie': ['a=1', 'b=2'] },
    bodyEncoding: 'text',
    body: 'none',
  });
  expect(payload).toMatchObject({ statusCode: 404 });
  const streamed = Buffer.from(`{"statusCode":201}${'\0'.repeat(8)}{"x":1}`);
  const whole = { ...OUTCOME, streamed: true, contentType: HTTP_RESPONSE_TYPE, payload: streamed };
  expect(JSON.parse((await invoked(() => whole, { json: true })).stdout())).toMatchObject({
    response: { statusCode: 201, bodyEncoding: 'json', body: { x: 1 } },
  });
  expect(JSON.parse((await invoked(() => FAILED, { json: true })).stdout())).not.toHaveProperty('response');
});

test('--repeat prints the last response and the times, and each invocation has its own id', async () => {
  const io = await invoked(() => OUTCOME, { repeat: 3 });
  expect(io.stdout()).toBe(PRINTED);
  expect(io.stderr()).toContain('3 invocations, 0 failed');
  expect(io.ids).toEqual([undefined, undefined, undefined]);
});

import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { InvocationOutcome, ResponseSink } from '../../../src/lambda/invocation.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { openTestFunction, type TestFunction } from '../../support/local-function.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// The sandbox on a real engine: a bootstrap of the tests' own does what its events say, on PHP, which can do a lot.

let layer: BuiltLayer;
let bootstrap: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  layer = await builtLayer('php/8.4');
  bootstrap = await temporaryFolder();
  await bootstrap.write({
    bootstrap: await readFile(new URL('../../fixtures/obedient-bootstrap.php', import.meta.url)),
  });
  await chmod(join(bootstrap.path, 'bootstrap'), 0o755);
});

afterAll(async () => {
  await bootstrap[Symbol.asyncDispose]();
  await layer[Symbol.asyncDispose]();
});

type Options = Partial<Pick<Parameters<typeof openTestFunction>[0], 'memoryMb' | 'timeoutMs' | 'env'>>;

function open(options: Options = {}): Promise<TestFunction> {
  const layers = [layer.zip, bootstrap.path];
  return openTestFunction({ ...options, layers, files: { 'nothing.txt': '' }, handler: 'none' });
}

function call(fn: TestFunction, event: unknown, sink?: ResponseSink): Promise<InvocationOutcome> {
  return fn.invoke({ event: Buffer.from(JSON.stringify(event)) }, sink);
}

/** What the bootstrap answers: how often one was started in this sandbox, and so on. */
function said({ payload }: InvocationOutcome): unknown {
  return JSON.parse(payload.toString());
}

describe('a bootstrap that ends during an invocation', () => {
  test.each([
    [{ exit: 1 }, 'Runtime exited with error: exit status 1'],
    [{ exit: 0 }, 'Runtime exited without providing a reason'],
    [{ kill: 9 }, 'Runtime exited with error: signal: killed'],
    [{ kill: 11 }, 'Runtime exited with error: signal: segmentation fault'],
  ])('is told by %j, and the next one starts anew with the same /tmp', async (event, why) => {
    await using fn = await open();
    expect(said(await call(fn, {}))).toMatchObject({ starts: 1 });
    const outcome = await call(fn, { ...event, print: 'last words' });
    const errorMessage = `RequestId: ${outcome.requestId} Error: ${why}`;
    expect(outcome).toMatchObject({
      status: 'error',
      error: { errorType: 'Runtime.ExitError', errorMessage },
    });
    expect(outcome.logTail.toString()).toContain(`last words\n${errorMessage}\nRuntime.ExitError\nEND `);
    expect(outcome.logTail.toString()).toMatch(/\tStatus: error\tError Type: Runtime\.ExitError\n$/);
    const next = await call(fn, {});
    expect(said(next)).toMatchObject({ starts: 2 });
    expect(next.report.initMs).toBeUndefined();
  });

  test('after its answer has answered, and is noticed before the next event is handed out', async () => {
    await using fn = await open();
    expect(said(await call(fn, { exitAfter: 3 }))).toMatchObject({ starts: 1 });
    expect(said(await call(fn, {}))).toMatchObject({ starts: 2 });
    expect(fn.log.join('\n')).toMatch(
      /\nREPORT .*\nRequestId: \S+ Error: Runtime exited with error: exit status 3\nRuntime\.ExitError\nSTART /,
    );
  });
});

describe('memory', () => {
  test('that the function used is in the report, all of it', async () => {
    await using fn = await open({ memoryMb: 256 });
    const before = (await call(fn, {})).report.peakMemoryMb ?? NaN;
    expect(before).toBeLessThan(60);
    const after = (await call(fn, { grow: 60 })).report.peakMemoryMb ?? NaN;
    expect(after).toBeGreaterThanOrEqual(60);
    expect(after).toBeLessThan(before + 90);
    expect((await call(fn, {})).report.peakMemoryMb).toBeGreaterThanOrEqual(after);
  });

  test('beyond the limit ends the bootstrap, which is told as such, and the sandbox goes on', async () => {
    await using fn = await open({ memoryMb: 128 });
    const outcome = await call(fn, { grow: 400 });
    expect(outcome).toMatchObject({
      status: 'error',
      error: {
        errorType: 'Runtime.OutOfMemory',
        errorMessage: `RequestId: ${outcome.requestId} Error: Runtime exited with error: signal: killed`,
      },
    });
    expect(outcome.report.peakMemoryMb).toBeGreaterThanOrEqual(120);
    expect(outcome.report.peakMemoryMb).toBeLessThanOrEqual(128);
    expect(said(await call(fn, {}))).toMatchObject({ starts: 2 });
    expect(await call(fn, { kill: 9 })).toMatchObject({ error: { errorType: 'Runtime.ExitError' } });
  });
});

describe('a function that takes too long', () => {
  test('is killed with all that it started, and starts anew with the same /tmp', async () => {
    await using fn = await open({ timeoutMs: 1000 });
    expect(said(await call(fn, {}))).toMatchObject({ starts: 1 });
    const begun = performance.now();
    const outcome = await call(fn, { haunt: true, print: 'on and on' });
    expect(performance.now() - begun).toBeLessThan(2000);
    const errorMessage = `RequestId: ${outcome.requestId} Error: Task timed out after 1.00 seconds`;
    expect(outcome).toMatchObject({
      status: 'timeout',
      error: { errorType: 'Sandbox.Timedout', errorMessage },
      report: { durationMs: 1000 },
    });
    const { requestId } = outcome;
    expect(outcome.logTail.toString()).toMatch(
      new RegExp(
        `^START RequestId: ${requestId} [^\n]*\non and on\n` +
          `\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z ${requestId} Task timed out after 1\\.00 seconds\n` +
          `END RequestId: ${requestId}\nREPORT [^\n]*\tStatus: timeout\n$`,
      ),
    );
    expect(said(await call(fn, { watch: true }))).toMatchObject({ starts: 2, haunted: false, haunts: 2 });
  });
});

describe('an init', () => {
  test('that takes too long is tried again in the first invocation', async () => {
    await using fn = await open({ env: { FIRST_START: 'sleep' }, timeoutMs: 5000 });
    await fn.init();
    expect(fn.log.join('\n')).toMatch(
      /INIT_REPORT Init Duration: 100\d\d\.\d\d ms\tPhase: init\tStatus: timeout$/,
    );
    const outcome = await call(fn, {});
    expect(said(outcome)).toMatchObject({ starts: 2 });
    expect(outcome.report.initMs).toBeUndefined();
  });

  test('that reports an error is told with it', async () => {
    await using fn = await open({ env: { EACH_START: 'report' } });
    const outcome = await call(fn, {});
    expect(said(outcome)).toEqual({ errorType: 'Runtime.NoSuchHandler', errorMessage: 'not there' });
    expect(fn.log.map((line) => line.replace(/[\d.]+ ms/g, 'N ms').replace(/[\da-f-]{36}/, 'ID'))).toEqual([
      'INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: error\tError Type: Runtime.NoSuchHandler',
      'INIT_REPORT Init Duration: N ms\tPhase: invoke\tStatus: error\tError Type: Runtime.NoSuchHandler',
      'START RequestId: ID Version: $LATEST',
      'END RequestId: ID',
      expect.stringMatching(/\tStatus: error\tError Type: Runtime\.NoSuchHandler$/),
    ]);
  });
});

describe('the log', () => {
  test('has every line that was written before the answer, in order, before END', async () => {
    await using fn = await open();
    for (let n = 0; n < 20; n += 1) {
      fn.log.length = 0;
      await call(fn, { lines: 500 });
      expect(fn.log.slice(1, -2)).toEqual(Array.from({ length: 500 }, (_, line) => `line ${line}`));
    }
  });

  test('takes more than the pipe holds, and the answer comes after it', async () => {
    await using fn = await open();
    const outcome = await call(fn, { lines: 100_000 });
    expect(fn.log.filter((line) => line.startsWith('line '))).toHaveLength(100_000);
    expect(outcome.logTail.toString()).toMatch(/\nline 99999\nEND /);
  });
});

describe('a streamed answer', () => {
  /** Takes its time now and then, so that the windows of the relay are full. */
  const slowSink = (): ResponseSink & { readonly length: () => number } => {
    let length = 0;
    return {
      begin: () => undefined,
      write: async (bytes) => {
        length += bytes.length;
        if (length % 10 === 0) await delay(1);
      },
      length: () => length,
    };
  };

  test('reaches a slow invoker whole, also when the bootstrap ends as soon as it has sent it', async () => {
    await using fn = await open();
    for (const event of [{ stream: 100 }, { stream: 100, exitAtOnce: 1 }, { stream: 100 }]) {
      const sink = slowSink();
      const outcome = await call(fn, event, sink);
      expect(outcome).toMatchObject({ status: 'success', streamed: true, payload: Buffer.alloc(0) });
      expect(sink.length()).toBe(100 * 65_536);
    }
    expect(said(await call(fn, {}))).toMatchObject({ starts: 2 });
  });

  test('that the bootstrap cuts off by its end is an error at once', async () => {
    await using fn = await open();
    const sink = slowSink();
    const begun = performance.now();
    const outcome = await call(fn, { stream: 10, cut: 1 }, sink);
    expect(outcome).toMatchObject({
      status: 'error',
      streamed: true,
      error: { errorType: 'Runtime.TruncatedResponse' },
    });
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(said(await call(fn, {}))).toMatchObject({ starts: 2 });
  });

  test('that goes on for too long is cut off by the time of the function', async () => {
    await using fn = await open({ timeoutMs: 500 });
    const outcome = await call(fn, { stream: 1_000_000 }, slowSink());
    expect(outcome).toMatchObject({ status: 'timeout', streamed: true });
    expect(said(await call(fn, {}))).toMatchObject({ starts: 2 });
  });
});

test('two hundred restarts leave a sandbox as it was', { timeout: 120_000 }, async () => {
  await using fn = await open();
  for (let n = 1; n <= 200; n += 1) await call(fn, { exit: 1 });
  expect(said(await call(fn, {}))).toMatchObject({ starts: 201 });
});

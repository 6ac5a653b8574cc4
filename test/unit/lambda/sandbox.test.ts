import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/core/errors.js';
import { functionEnvironment, relayCommand } from '../../../src/lambda/function-environment.js';
import type { InvocationOutcome } from '../../../src/lambda/invocation.js';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../src/lambda/sandbox.js';
import { until } from './bootstrap-peer.js';
import { createFakeContainer, type FakeContainer } from './relay-peer.js';

const EVENT = { event: Buffer.from('{}') };
const open: Sandbox[] = [];

afterEach(async () => {
  for (const sandbox of open.splice(0)) await sandbox[Symbol.asyncDispose]();
});

interface Tested extends FakeContainer {
  readonly sandbox: Sandbox;
  readonly log: string[];
}

async function start(options: Partial<SandboxOptions> = {}): Promise<Tested> {
  const fake = createFakeContainer();
  const log: string[] = [];
  let count = 0;
  const sandbox = await startSandbox({
    container: fake.container,
    functionArn: 'arn',
    memoryMb: 128,
    timeoutMs: 3000,
    initTimeoutMs: 3000,
    now: () => 1_700_000_000_000,
    newRequestId: () => `id-${(count += 1)}`,
    onLog: (line) => log.push(line),
    signal: new AbortController().signal,
    ...options,
  });
  open.push(sandbox);
  return { ...fake, sandbox, log };
}

/** With a bootstrap that has asked for its first event. */
async function startReady(
  options: Partial<SandboxOptions> = {},
): Promise<Tested & { readonly next: () => number }> {
  const tested = await start(options);
  const ready = tested.sandbox.init();
  await tested.started();
  let next = tested.ask('GET', 'invocation/next');
  await ready;
  return {
    ...tested,
    /** The connection on which the event comes; each is asked for anew. */
    next: () => {
      const connection = next;
      next = -1;
      return connection;
    },
  };
}

async function answerWith(tested: Tested & { readonly next: () => number }, id: string): Promise<void> {
  await tested.answered(tested.next(), `Lambda-Runtime-Aws-Request-Id: ${id}`);
  tested.ask('POST', `invocation/${id}/response`, '"hi"');
}

/** Times differ from run to run. */
function steady(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replaceAll(/\d+(\.\d+)? ms/g, 'N ms'));
}

function said({ payload }: InvocationOutcome): unknown {
  return JSON.parse(payload.toString());
}

describe('an invocation', () => {
  test('is answered, and its log before the answer is in the result', async () => {
    const tested = await startReady();
    const outcome = tested.sandbox.invoke({ event: Buffer.from('{"name":"World"}') });
    await tested.answered(1, '{"name":"World"}');
    tested.log.push('--');
    tested.print('first\nGr\u00fc\u00dfe');
    tested.peer.send({ type: 'memory', bytes: 45 * 1024 ** 2 - 5 });
    await answerWith(tested, 'id-1');
    const report =
      'REPORT RequestId: id-1\tDuration: N ms\tBilled Duration: N ms\tMemory Size: 128 MB\tMax Memory Used: 45 MB\tInit Duration: N ms\t';
    const result = await outcome;
    expect(result).toMatchObject({
      requestId: 'id-1',
      status: 'success',
      streamed: false,
      error: undefined,
      report: { memoryMb: 128, peakMemoryMb: 45 },
    });
    expect(result.payload.toString()).toBe('"hi"');
    expect(result.report.billedMs).toBe(Math.ceil(result.report.durationMs + (result.report.initMs ?? NaN)));
    expect(steady(tested.log)).toEqual([
      ...['START RequestId: id-1 Version: $LATEST', '--', 'first', 'Gr\u00fc\u00dfe'],
      ...['END RequestId: id-1', report],
    ]);
    expect(steady(result.logTail.toString().split('\n'))).toEqual([
      ...['START RequestId: id-1 Version: $LATEST', 'first', 'Gr\u00fc\u00dfe', 'END RequestId: id-1'],
      ...[report, ''],
    ]);
  });

  test('has the id that the invoker chose', async () => {
    const tested = await startReady();
    const outcome = tested.sandbox.invoke({ ...EVENT, requestId: 'chosen' });
    await answerWith(tested, 'chosen');
    expect((await outcome).requestId).toBe('chosen');
    expect(tested.log[0]).toBe('START RequestId: chosen Version: $LATEST');
  });

  test('that is not the first reports no init, and waits for the one before it', async () => {
    const tested = await startReady();
    const both = [tested.sandbox.invoke(EVENT), tested.sandbox.invoke(EVENT)];
    await answerWith(tested, 'id-1');
    const first = await both[0];
    expect(first?.report.initMs).toBeGreaterThan(0);
    await delay(5);
    expect(tested.log.some((line) => line.includes('id-2'))).toBe(false);
    const next = tested.ask('GET', 'invocation/next');
    await tested.answered(next, 'Request-Id: id-2');
    tested.ask('POST', 'invocation/id-2/response', '2');
    const second = await both[1];
    expect(second).toMatchObject({ status: 'success', report: { initMs: undefined } });
    expect(second?.report.billedMs).toBe(Math.ceil(second?.report.durationMs ?? 0));
    expect(tested.starts()).toBe(1);
  });

  test('starts the bootstrap if it does not run yet', async () => {
    const tested = await start();
    const outcome = tested.sandbox.invoke(EVENT);
    await tested.started();
    await tested.answered(tested.ask('GET', 'invocation/next'), 'Request-Id: id-1');
    tested.ask('POST', 'invocation/id-1/response', '1');
    expect((await outcome).report.initMs).toBeGreaterThan(0);
  });

  test("returns the function's own error, which is not in REPORT", async () => {
    const tested = await startReady();
    const outcome = tested.sandbox.invoke(EVENT);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    tested.ask('POST', 'invocation/id-1/error', '{"errorType":"Function.X","errorMessage":"no"}');
    expect(await outcome).toMatchObject({
      status: 'error',
      error: { errorType: 'Function.X', errorMessage: 'no' },
    });
    expect(tested.log.at(-1)).toMatch(/Init Duration: [\d.]+ ms\t$/);
  });

  test('keeps the last 4 KiB of its log, after all of it was passed to onLog', async () => {
    const tested = await startReady();
    const outcome = tested.sandbox.invoke(EVENT);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    for (let n = 0; n < 2000; n += 1) tested.print(`line ${n} ${'x'.repeat(90)}\n`);
    tested.ask('POST', 'invocation/id-1/response', '1');
    const { logTail } = await outcome;
    expect(logTail).toHaveLength(4096);
    expect(logTail.toString()).toMatch(/line 1999 x+\nEND RequestId: id-1\nREPORT .*\n$/);
    expect(tested.log.filter((line) => line.startsWith('line'))).toHaveLength(2000);
  });
});

describe('a bootstrap that ends during an invocation', () => {
  test.each([
    [{ how: 'status', value: 1 }, 'Runtime.ExitError', 'Runtime exited with error: exit status 1'],
    [{ how: 'status', value: 0 }, 'Runtime.ExitError', 'Runtime exited without providing a reason'],
    [{ how: 'signal', value: 9 }, 'Runtime.ExitError', 'Runtime exited with error: signal: killed'],
    [
      { how: 'signal', value: 11, outOfMemory: true },
      'Runtime.ExitError',
      'Runtime exited with error: signal: segmentation fault',
    ],
    [
      { how: 'signal', value: 9, outOfMemory: true },
      'Runtime.OutOfMemory',
      'Runtime exited with error: signal: killed',
    ],
  ] as const)('fails it as Lambda words it: %j', async (exit, errorType, why) => {
    const tested = await startReady();
    const outcome = tested.sandbox.invoke(EVENT);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    tested.print('last words');
    tested.exit(exit);
    const errorMessage = `RequestId: id-1 Error: ${why}`;
    expect(await outcome).toMatchObject({ status: 'error', error: { errorType, errorMessage } });
    expect((await outcome).payload.toString()).toBe(JSON.stringify({ errorType, errorMessage }));
    expect(tested.log.slice(1, -1)).toEqual(['last words', errorMessage, errorType, 'END RequestId: id-1']);
    expect(tested.log.at(-1)).toMatch(
      new RegExp(`Init Duration: [\\d.]+ ms\\tStatus: error\\tError Type: ${errorType.replace('.', '\\.')}$`),
    );
  });

  test('after its answer does not fail it, and the next invocation starts another', async () => {
    const tested = await startReady();
    const first = tested.sandbox.invoke(EVENT);
    await answerWith(tested, 'id-1');
    tested.exit({ value: 7 });
    expect(await first).toMatchObject({ status: 'success' });
    await until(() => tested.log.at(-1) === 'Runtime.ExitError');
    const second = tested.sandbox.invoke(EVENT);
    await tested.started();
    expect(tested.starts()).toBe(2);
    await tested.answered(tested.ask('GET', 'invocation/next'), 'Request-Id: id-2');
    tested.ask('POST', 'invocation/id-2/response', '2');
    expect(await second).toMatchObject({ status: 'success', report: { initMs: undefined } });
    expect(steady(tested.log.slice(3))).toEqual([
      'RequestId: id-1 Error: Runtime exited with error: exit status 7',
      'Runtime.ExitError',
      'START RequestId: id-2 Version: $LATEST',
      'END RequestId: id-2',
      'REPORT RequestId: id-2\tDuration: N ms\tBilled Duration: N ms\tMemory Size: 128 MB\t',
    ]);
  });

  test('together with its answer does not fail it', async () => {
    const tested = await startReady();
    const outcome = tested.sandbox.invoke(EVENT);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    const connection = tested.ask('POST', 'invocation/id-1/response', '"last"');
    tested.peer.send({ type: 'end', connection });
    tested.exit({ value: 1 });
    expect(said(await outcome)).toBe('last');
  });

  test('and cannot be started again fails the next one too', async () => {
    const tested = await startReady();
    const first = tested.sandbox.invoke(EVENT);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    tested.exit({ value: 1 });
    await first;
    const second = tested.sandbox.invoke(EVENT);
    await tested.started();
    tested.exit({ how: 'not-started', value: 2 });
    const errorMessage = 'RequestId: id-2 Error: fork/exec /opt/bootstrap: no such file or directory';
    expect(said(await second)).toEqual({ errorType: 'Runtime.InvalidEntrypoint', errorMessage });
    expect(steady(tested.log.slice(-6))).toEqual([
      'INIT_REPORT Init Duration: N ms\tPhase: invoke\tStatus: error\tError Type: Runtime.InvalidEntrypoint',
      'START RequestId: id-2 Version: $LATEST',
      errorMessage,
      'Runtime.InvalidEntrypoint',
      'END RequestId: id-2',
      'REPORT RequestId: id-2\tDuration: N ms\tBilled Duration: N ms\tMemory Size: 128 MB\tStatus: error\tError Type: Runtime.InvalidEntrypoint',
    ]);
  });
});

describe('a function that takes too long', () => {
  test('is killed and reported as timed out, and the next invocation starts it again', async () => {
    const tested = await startReady({ timeoutMs: 60 });
    const first = tested.sandbox.invoke(EVENT);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    tested.print('busy\n');
    const errorMessage = 'RequestId: id-1 Error: Task timed out after 0.06 seconds';
    expect(await first).toMatchObject({
      status: 'timeout',
      error: { errorType: 'Sandbox.Timedout', errorMessage },
      report: { durationMs: 60 },
    });
    expect(said(await first)).toEqual({ errorType: 'Sandbox.Timedout', errorMessage });
    expect(tested.log.slice(1, 4)).toEqual([
      'busy',
      '2023-11-14T22:13:20.000Z id-1 Task timed out after 0.06 seconds',
      'END RequestId: id-1',
    ]);
    expect(tested.log[4]).toMatch(/^REPORT RequestId: id-1\tDuration: 60\.00 ms\t.*\tStatus: timeout$/);
    expect(tested.peer.received.at(-1)).toEqual({ type: 'kill' });
    const second = tested.sandbox.invoke(EVENT);
    await tested.started();
    await tested.answered(tested.ask('GET', 'invocation/next'), 'Request-Id: id-2');
    tested.ask('POST', 'invocation/id-2/response', '2');
    expect(await second).toMatchObject({ status: 'success' });
  });

  test('after its answer is killed when its time is over, and not before', async () => {
    const tested = await startReady({ timeoutMs: 80 });
    const first = tested.sandbox.invoke(EVENT);
    await answerWith(tested, 'id-1');
    expect(await first).toMatchObject({ status: 'success' });
    const second = tested.sandbox.invoke(EVENT);
    await delay(20);
    expect(tested.starts()).toBe(1);
    await tested.started();
    await tested.answered(tested.ask('GET', 'invocation/next'), 'Request-Id: id-2');
    tested.ask('POST', 'invocation/id-2/response', '2');
    expect(await second).toMatchObject({ status: 'success' });
    expect(tested.log[3]).toBe('2023-11-14T22:13:20.000Z id-1 Task timed out after 0.08 seconds');
  });
});

describe('an init that fails', () => {
  const retried = async (tested: Tested): Promise<InvocationOutcome> => {
    const outcome = tested.sandbox.invoke(EVENT);
    await tested.started();
    await tested.answered(tested.ask('GET', 'invocation/next'), 'Request-Id: id-1');
    tested.ask('POST', 'invocation/id-1/response', '1');
    return outcome;
  };

  test('by its time limit is reported, and tried again in the first invocation', async () => {
    const tested = await start({ initTimeoutMs: 20 });
    await tested.sandbox.init();
    expect(steady(tested.log)).toEqual(['INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: timeout']);
    expect(tested.peer.received.map(({ type }) => type)).toEqual(['start', 'kill']);
    await tested.started();
    expect(await retried(tested)).toMatchObject({ status: 'success', report: { initMs: undefined } });
  });

  test('by its end is reported, and tried again in the first invocation', async () => {
    const tested = await start();
    const ready = tested.sandbox.init();
    await tested.started();
    tested.print('no module\n');
    tested.exit({ value: 2 });
    await ready;
    expect(steady(tested.log)).toEqual([
      'no module',
      'INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError',
    ]);
    expect(await retried(tested)).toMatchObject({ status: 'success' });
  });

  test('by its own error is reported with that error', async () => {
    const tested = await start();
    const payload = '{"errorType":"Runtime.HandlerNotFound","errorMessage":"no such function"}';
    const fail = async (): Promise<void> => {
      await tested.started();
      await tested.answered(tested.ask('POST', 'init/error', payload), '202');
      tested.log.push('bye');
      tested.exit({ value: 1 });
    };
    await Promise.all([tested.sandbox.init(), fail()]);
    const [outcome] = await Promise.all([tested.sandbox.invoke(EVENT), fail()]);
    expect(outcome.payload.toString()).toBe(payload);
    expect(outcome).toMatchObject({
      status: 'error',
      error: { errorType: 'Runtime.HandlerNotFound', errorMessage: 'no such function' },
    });
    expect(steady(tested.log)).toEqual([
      'bye',
      'INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: error\tError Type: Runtime.HandlerNotFound',
      'bye',
      'INIT_REPORT Init Duration: N ms\tPhase: invoke\tStatus: error\tError Type: Runtime.HandlerNotFound',
      'START RequestId: id-1 Version: $LATEST',
      'END RequestId: id-1',
      'REPORT RequestId: id-1\tDuration: N ms\tBilled Duration: N ms\tMemory Size: 128 MB\tStatus: error\tError Type: Runtime.HandlerNotFound',
    ]);
  });

  test('again, for longer than the invocation may take, is a timeout', async () => {
    const tested = await start({ initTimeoutMs: 20, timeoutMs: 40 });
    const outcome = await tested.sandbox.invoke(EVENT);
    expect(outcome).toMatchObject({ status: 'timeout', error: { errorType: 'Sandbox.Timedout' } });
    expect(steady(tested.log).slice(0, 3)).toEqual([
      'INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: timeout',
      'INIT_REPORT Init Duration: N ms\tPhase: invoke\tStatus: timeout',
      'START RequestId: id-1 Version: $LATEST',
    ]);
  });
});

describe('a sandbox', () => {
  test('whose container ends rejects with an EngineError', async () => {
    const tested = await startReady();
    const rejected = expect(tested.sandbox.invoke(EVENT)).rejects.toThrow(EngineError);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    tested.end({ exitCode: 3, outOfMemory: false });
    await rejected;
    await expect(tested.sandbox.invoke(EVENT)).rejects.toThrow(/ended with status 3/);
  });

  test('whose container ends while it is idle reports that once', async () => {
    const reasons: Error[] = [];
    const tested = await startReady({ onFailure: (reason) => reasons.push(reason) });
    tested.end({ exitCode: 137, outOfMemory: false });
    await until(() => reasons.length > 0);
    await tested.sandbox[Symbol.asyncDispose]();
    expect(reasons.map(({ message }) => message)).toEqual([expect.stringContaining('status 137')]);
  });

  test('that is disposed, or whose run is stopped, reports no failure', async () => {
    const reasons: Error[] = [];
    const controller = new AbortController();
    const options = { onFailure: (reason: Error) => reasons.push(reason) };
    const disposed = await startReady(options);
    await disposed.sandbox[Symbol.asyncDispose]();
    disposed.end({ exitCode: 0, outOfMemory: false });
    const stopped = await startReady({ ...options, signal: controller.signal });
    controller.abort(new Error('Ctrl-C'));
    stopped.end({ exitCode: 0, outOfMemory: false });
    await delay(20);
    expect(reasons).toEqual([]);
  });

  test('rejects with the reason of its signal', async () => {
    const controller = new AbortController();
    const tested = await startReady({ signal: controller.signal });
    const reason = new Error('the user is tired of it');
    const rejected = expect(tested.sandbox.invoke(EVENT)).rejects.toBe(reason);
    await tested.answered(tested.next(), 'Request-Id: id-1');
    controller.abort(reason);
    await rejected;
    await expect(tested.sandbox.invoke(EVENT)).rejects.toBe(reason);
  });

  test('that is disposed ends the relay, and its last lines are still logged', async () => {
    const tested = await startReady();
    tested.print('the last line');
    await tested.sandbox[Symbol.asyncDispose]();
    expect(tested.peer.stdin.writableEnded).toBe(true);
    expect(tested.log).toEqual(['the last line']);
  });
});

describe('the environment of a function', () => {
  test("has Lambda's variables, which the function cannot change", () => {
    const env = functionEnvironment({
      handler: 'hello',
      functionName: 'greeter',
      memoryMb: 128,
      region: 'eu-west-1',
      env: { _HANDLER: 'other', STAGE: 'test' },
    });
    expect(env).toMatchObject({
      _HANDLER: 'hello',
      STAGE: 'test',
      LAMBDA_TASK_ROOT: '/var/task',
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
    });
    expect(env).not.toHaveProperty('_X_AMZN_TRACE_ID');
  });

  test('names the port that the relay listens on', () => {
    expect(relayCommand('/layersmith/relay')).toEqual(['/layersmith/relay', '9001', '/opt/bootstrap']);
  });
});

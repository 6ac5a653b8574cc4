import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import type { InvocationOutcome } from '../../../src/lambda/invocation.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { FUZZ_SEED, randomSource } from '../../support/fuzz-bytes.js';
import { hostileRequest } from '../../support/hostile-requests.js';
import { eventFor } from '../../support/http-events.js';
import { openTestFunction, type TestFunction } from '../../support/local-function.js';

// Hostile requests, processes that die, and memory, in web and worker mode. A failure names its seed: FUZZ_SEED=… runs it again.

const FIXTURES = join(packageRoot, 'test', 'fixtures', 'php', 'web');
const EVENTS = 300;
const REQUESTS = 2000;
/** A leak of 200 bytes for each request would be more. */
const MAX_GROWTH_KB = 400;

const sizesSchema = z.object({ worker: z.number(), supervisor: z.number() });
const answerSchema = z.object({ statusCode: z.number(), body: z.string().default('') });
type Answer = z.infer<typeof answerSchema>;

let layer: BuiltLayer;

beforeAll(async () => {
  layer = await builtLayer('php/8.4');
});

afterAll(async () => {
  await layer[Symbol.asyncDispose]();
});

async function open(mode: string, script = 'hostile.php'): Promise<TestFunction> {
  return openTestFunction({
    layers: [layer.zip],
    files: { 'public/index.php': await readFile(join(FIXTURES, script)) },
    handler: 'public/index.php',
    env: { LAYERSMITH_MODE: mode },
  });
}

function ask(fn: TestFunction, target: string, body?: string): Promise<InvocationOutcome> {
  const headers = { 'content-type': 'application/json' };
  return fn.invoke({
    event: eventFor(body === undefined ? { target } : { method: 'POST', target, headers, body }),
  });
}

async function page(fn: TestFunction, target: string, body?: string): Promise<Answer> {
  const { status, payload } = await ask(fn, target, body);
  expect({ target, status }).toEqual({ target, status: 'success' });
  return answerSchema.parse(JSON.parse(payload.toString()));
}

describe.each(['web', 'worker'])(`%s mode, seed ${String(FUZZ_SEED)}`, (mode) => {
  test('each of hundreds of hostile events is answered, and the process lives', async () => {
    await using fn = await open(mode);
    const random = randomSource(FUZZ_SEED);
    const errors = new Set<string>();
    let answered = 0;
    const before = (await page(fn, '/pid')).body;
    for (let n = 0; n < EVENTS; n += 1) {
      const event = hostileRequest(random);
      const { status, payload, error } = await fn.invoke({ event });
      const what = `event ${String(n)}: ${event.subarray(0, 500).toString()}\n${payload.toString().slice(0, 500)}`;
      if (status === 'error') errors.add(error?.errorType ?? '');
      else {
        expect(status, what).toBe('success');
        expect([200, 500], what).toContain(answerSchema.parse(JSON.parse(payload.toString())).statusCode);
        answered += 1;
      }
    }
    expect([...errors].filter((type) => !['Runtime.InvalidEvent', 'Runtime.NotHttp'].includes(type))).toEqual(
      [],
    );
    expect(answered).toBeGreaterThan(EVENTS / 4);
    // A worker script starts again after exit(), in the same process.
    expect((await page(fn, '/pid')).body).toBe(before);
  });

  test('memory does not grow', async () => {
    await using fn = await open(mode);
    const sizes = async (times: number): Promise<z.infer<typeof sizesSchema>> => {
      for (let n = 0; n < times; n += 1) await page(fn, `/?n=${String(n)}`, 'x'.repeat(2000));
      return sizesSchema.parse(JSON.parse((await page(fn, '/memory')).body));
    };
    const before = await sizes(300);
    const after = await sizes(REQUESTS);
    expect(after.worker - before.worker).toBeLessThan(MAX_GROWTH_KB);
    expect(after.supervisor - before.supervisor).toBeLessThan(MAX_GROWTH_KB);
  });
});

describe('a process that dies', () => {
  test.each([
    ['/die', 502],
    ['/die-printing', 502],
    ['/die-at-the-end', 502],
    ['/die-answered', 200],
  ])('%s: its request is answered %i, and the next one by another process', async (target, status) => {
    await using fn = await open('web');
    const before = (await page(fn, '/pid')).body;
    expect((await page(fn, target)).statusCode).toBe(status);
    const after = await page(fn, '/pid');
    expect(after.statusCode).toBe(200);
    expect(after.body).not.toBe(before);
  });

  test('at any moment: its request is answered or told, and later ones are answered', async () => {
    await using fn = await open('web');
    const random = randomSource(FUZZ_SEED);
    for (let n = 0; n < 30; n += 1) {
      const { status, payload, error } = await ask(fn, `/die-later?us=${String(random.int(4000))}`);
      if (status === 'success')
        expect([200, 502]).toContain(answerSchema.parse(JSON.parse(payload.toString())).statusCode);
      else expect(error?.errorType).toBe('Runtime.ExitError');
      // The forked process kills within 4 ms.
      await delay(100);
      expect((await page(fn, '/pid')).statusCode).toBe(200);
    }
  });
});

describe('what a script may do to its process', () => {
  test.each([
    ['/broken-pipe', { statusCode: 200, body: 'false' }],
    ['/forked', { statusCode: 200, body: 'child 7' }],
    ['/endless', { statusCode: 500 }],
  ])('%s', async (target, answer) => {
    await using fn = await open('web');
    expect(await page(fn, target)).toMatchObject(answer);
    const { worker } = sizesSchema.parse(JSON.parse((await page(fn, '/memory')).body));
    expect(worker).toBeLessThan(100_000);
  });

  test('a worker leaves nothing of a request to the next', async () => {
    await using fn = await open('worker', 'reset.php');
    const body = async (target: string, input?: string): Promise<string> =>
      (await page(fn, target, input)).body;
    expect(await body('/keep', 'hello')).toBe('hello');
    expect(await body('/kept', 'other')).toBe('closed');
    expect(await body('/nested')).toContain('cannot be called while it handles a request');
    expect(await body('/handler')).toBe('x');
    expect(await body('/')).toBe('ok');
    expect(await body('/exit', 'secret=1')).toBe('bye');
    expect(await body('/boot')).toBe('""');
    const resources = async (): Promise<number[]> => (await body('/resources')).split(' ').map(Number);
    const [count, memory = 0] = await resources();
    for (let n = 0; n < 50; n += 1) await body('/', 'x'.repeat(10_000));
    const [countAfter, memoryAfter] = await resources();
    expect(countAfter).toBe(count);
    expect(memoryAfter).toBeLessThan(memory + 50);
  });
});

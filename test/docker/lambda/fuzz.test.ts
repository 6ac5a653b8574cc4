import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { createFuzzApi } from '../../support/fuzz-api.js';
import { FUZZ_SEED, hostileEvent, randomSource } from '../../support/fuzz-bytes.js';
import { startBareBootstrap } from '../../support/fuzz-container.js';
import { openTestFunction } from '../../support/local-function.js';

// Ten thousand random byte strings as events, and as the Runtime API's answers, kill neither bootstrap nor
// emulator. A failure names its seed: FUZZ_SEED=… runs it again.

const TIMES = 10_000;
const MEMORY_MB = 128;
/** Longer than the patience of a bootstrap with an answer that stops in its middle. */
const LONGEST_STEP_MS = 15_000;

const PHP_COUNT = '<?php function count_up($event) { static $count = 0; return ["count" => ++$count]; }';
const PHP_ECHO = '<?php return function ($event) { return $event; };';
const LUA_COUNT = 'local count = 0\nreturn function() count = count + 1 return { count = count } end';
const LUA_ECHO = 'return function(event) return event end';

describe.each([
  { recipe: 'php/8.4', extension: 'php', count: PHP_COUNT, echo: PHP_ECHO },
  { recipe: 'php/7.4', extension: 'php', count: PHP_COUNT, echo: PHP_ECHO },
  { recipe: 'lua/5.4', extension: 'lua', count: LUA_COUNT, echo: LUA_ECHO },
])(`the bootstrap of $recipe, seed ${String(FUZZ_SEED)}`, ({ recipe, extension, count, echo }) => {
  let layer: BuiltLayer;

  beforeAll(async () => {
    layer = await builtLayer(recipe);
  });

  afterAll(async () => {
    await layer[Symbol.asyncDispose]();
  });

  test('ten thousand byte strings as events: each is answered, by the same process', async () => {
    const random = randomSource(FUZZ_SEED);
    await using fn = await openTestFunction({
      layers: [layer.zip],
      files: { [`src/count_up.${extension}`]: count },
      handler: 'count_up',
      memoryMb: MEMORY_MB,
    });
    let counted = 0;
    for (let n = 0; n < TIMES; n += 1) {
      const event = hostileEvent(random);
      const { status, error, payload } = await fn.invoke({ event });
      const what = `seed ${String(FUZZ_SEED)}, event ${String(n)}: ${event.subarray(0, 200).toString('latin1')}`;
      if (status === 'success') {
        counted += 1;
        if (payload.toString() !== `{"count":${String(counted)}}`)
          expect.fail(`${what}: ${payload.toString()}`);
      } else if (error?.errorType !== 'Runtime.UnmarshalError') {
        expect.fail(`${what}: ${status} ${payload.toString()}\n${fn.log.slice(-20).join('\n')}`);
      }
    }
    const { payload } = await fn.invoke({ event: Buffer.from('{}') });
    expect(payload.toString()).toBe(`{"count":${String(counted + 1)}}`);
    expect(counted).toBeGreaterThan(TIMES / 20);
    expect(counted).toBeLessThan(TIMES);
  });

  test('ten thousand byte strings as answers of the Runtime API: it goes on, and answers its own events only', async () => {
    const api = createFuzzApi(randomSource(FUZZ_SEED));
    await using bootstrap = await startBareBootstrap({
      layer: layer.zip,
      file: [`echo.${extension}`, echo],
      handler: 'echo',
      memoryMb: MEMORY_MB,
      onConnection: api.onConnection,
    });
    api.lastRequestAt = Date.now();
    while (api.hostile < TIMES) {
      await delay(20);
      const since = Date.now() - api.lastRequestAt;
      const state = { faults: api.faults, exit: bootstrap.exit(), hangs: since > LONGEST_STEP_MS };
      if (api.faults.length === 0 && state.exit === undefined && !state.hangs) continue;
      expect.fail(
        `seed ${String(FUZZ_SEED)}, after ${String(api.hostile)} wrong answers: ${JSON.stringify(state)}\n${api.lastAnswer}\n${bootstrap.lastLog()}`,
      );
    }
    expect(api.right).toBeGreaterThan(TIMES / 20);
  });

  test('an answer that stops in its middle is given up after some seconds, and asked for again', async () => {
    const asked: number[] = [];
    const onConnection = (connection: Duplex): void => {
      connection.on('error', () => undefined);
      connection.once('data', () => {
        asked.push(Date.now());
        connection.write(
          'HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a\r\nContent-Length: 100\r\n\r\n{"a":',
        );
      });
    };
    const file = [`echo.${extension}`, echo] as const;
    await using bootstrap = await startBareBootstrap({
      ...{ layer: layer.zip, file, handler: 'echo', memoryMb: MEMORY_MB, onConnection },
    });
    const deadline = Date.now() + 2 * LONGEST_STEP_MS;
    while (asked.length < 2 && bootstrap.exit() === undefined && Date.now() < deadline) await delay(50);
    expect(bootstrap.exit()).toBeUndefined();
    expect(asked.length).toBeGreaterThanOrEqual(2);
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openBenchContext, type BenchContext } from '../../../../bench/bench-context.js';
import { functionTree } from '../../../../bench/function-files.js';
import { growthKb, openMeasuringContainer } from '../../../../bench/measuring-container.js';
import { readZip } from '../../../../src/tree/zip-reader.js';
import { builtLayer, type BuiltLayer } from '../../../support/built-layer.js';
import { packageRoot } from '../../../support/cli.js';

// What a process keeps of each invocation would fill a sandbox that lives for hours.

const INVOCATIONS = 100_000;
/** How many of them the events tell to fail. */
const FAILING = INVOCATIONS / 50;
const MOST_GROWTH_KB = 512;

let bench: BenchContext;

beforeAll(async () => {
  bench = await openBenchContext({
    root: packageRoot,
    report: () => undefined,
    signal: new AbortController().signal,
  });
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

describe.each(['php/8.4', 'php/7.4', 'lua/5.4'])('a process of %s', (recipe) => {
  let layer: BuiltLayer;

  beforeAll(async () => {
    layer = await builtLayer(recipe);
  });

  afterAll(() => layer[Symbol.asyncDispose]());

  test('is as big after 100,000 events and answers of all sizes, errors among them, over one connection', async () => {
    await using opt = await readZip(layer.zip, { tmpDir: bench.folder });
    const task = await functionTree(packageRoot, ['src/varied.php', 'src/varied.lua']);
    await using container = await openMeasuringContainer({ opt: opt.entries, task }, bench.build);
    const measurement = await container.measure({
      command: ['/opt/bootstrap'],
      env: { _HANDLER: 'varied' },
      events: 'varied',
      count: INVOCATIONS,
    });
    expect(measurement).toMatchObject({
      answers: INVOCATIONS - FAILING,
      errors: FAILING,
      initErrors: 0,
      refused: 0,
      connections: 1,
    });
    // One figure after every thousandth answer.
    expect(measurement.rssKb).toHaveLength(INVOCATIONS / 1000);
    expect(Math.min(...measurement.rssKb)).toBeGreaterThan(1000);
    expect(growthKb(measurement)).toBeLessThan(MOST_GROWTH_KB);
  });
});

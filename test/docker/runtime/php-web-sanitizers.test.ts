import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { phpRuntime } from '../../../src/runtime/php/php-runtime.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { builtLayerWith } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { FUZZ_SEED, hostileEvent, randomSource } from '../../support/fuzz-bytes.js';
import { hostileRequest } from '../../support/hostile-requests.js';
import { eventFor } from '../../support/http-events.js';
import { openTestFunction } from '../../support/local-function.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// The part of bin/php that serves Lambda, checked by gcc's analyzer, whose warnings are errors, and compiled with gcc's sanitizers
// of addresses and undefined behavior, which end the process at an error. A failure names its seed: FUZZ_SEED=… runs it again.

const EVENTS = 300;
/** What functions do, in test/fixtures/php/cases.php. */
const FUNCTION_EVENTS = [
  ...[
    { some: ['event', 1.5] },
    { case: 'context' },
    { case: 'throw' },
    { case: 'print' },
    { case: 'big', size: 7_000_000 },
  ],
  ...[
    { case: 'result', code: '["a" => [1, NAN]]' },
    { case: 'result', code: 'new stdClass' },
    { case: 'fork' },
  ],
  ...[
    { case: 'generator', pieces: ['a', 'b'] },
    { case: 'generator', pieces: ['a', 'throw'] },
  ],
  ...[{ case: 'stream', pieces: ['a'], then: 'exit' }, { case: 'http', pieces: ['a'] }, { case: 'bad type' }],
  ...[
    { case: 'dirty' },
    { case: 'no handlers' },
    { case: 'state' },
    { case: 'session' },
    { case: 'bad buffer' },
  ],
  ...[
    { case: 'exit' },
    { case: 'fatal' },
    { case: 'time' },
    { case: 'shutdown function' },
    { case: 'unknown' },
  ],
];
const FIXTURES = join(packageRoot, 'test', 'fixtures', 'php');

test(`sanitizers find nothing while hostile events are served, seed ${String(FUZZ_SEED)}`, async () => {
  await using folder = await temporaryFolder();
  const recipe = join(folder.path, 'recipes', 'php-sanitized');
  await cp(join(FIXTURES, 'sanitizers'), recipe, { recursive: true });
  await cp(join(packageRoot, 'recipes', 'php-lambda', 'src'), join(recipe, 'src'), { recursive: true });
  await using layer = await builtLayerWith('php/8.4', [
    ...['--recipes', join(folder.path, 'recipes'), '--with', 'php-sanitized'],
  ]);
  const bootstrap = await phpRuntime.bootstrap(join(packageRoot, 'runtimes'), 'function');
  const start = join(folder.path, 'start.zip');
  await writeZip(start, [
    fileEntry('bootstrap', bootstrap.replace('/opt/bin/php ', '/opt/bin/php-sanitized '), 0o755),
  ]);
  // PHP's memory is malloc's then, which the sanitizers watch. Leaks at the end of a killed process are none.
  const env = { USE_ZEND_ALLOC: '0', ASAN_OPTIONS: 'detect_leaks=0' };
  const random = randomSource(FUZZ_SEED);
  for (const mode of ['web', 'worker']) {
    await using fn = await openTestFunction({
      layers: [layer.zip, start],
      files: { 'public/index.php': await readFile(join(FIXTURES, 'web', 'hostile.php')) },
      handler: 'public/index.php',
      env: {
        LAYERSMITH_MODE: mode,
        ...env,
      },
      memoryMb: 1024,
    });
    for (let n = 0; n < EVENTS; n += 1) {
      const event = hostileRequest(random);
      const { payload } = await fn.invoke({ event });
      const what = `${mode}, event ${String(n)}: ${event.subarray(0, 500).toString()}\n${payload.toString().slice(0, 300)}`;
      expect(found(fn.log), what).toEqual([]);
    }
    const { payload } = await fn.invoke({ event: eventFor({ target: '/program' }) });
    expect(JSON.parse(payload.toString())).toMatchObject({ body: '/opt/bin/php-sanitized' });
  }
  await using fn = await openTestFunction({
    layers: [layer.zip, start],
    files: { 'src/cases.php': await readFile(join(FIXTURES, 'cases.php')) },
    handler: 'cases',
    env,
    memoryMb: 1024,
  });
  for (const given of FUNCTION_EVENTS) await fn.invoke({ event: Buffer.from(JSON.stringify(given)) });
  for (let n = 0; n < EVENTS; n += 1) await fn.invoke({ event: hostileEvent(random) });
  expect(found(fn.log)).toEqual([]);
  const { payload } = await fn.invoke({ event: Buffer.from('{"case":"result","code":"PHP_BINARY"}') });
  expect(payload.toString()).toBe('/opt/bin/php-sanitized');
});

function found(log: readonly string[]): string[] {
  return log.filter((line) => /Sanitizer|runtime error|PHP (was|ended)/.test(line));
}

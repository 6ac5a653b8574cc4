import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { fileEntry } from '../../../src/tree/tree-entry.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { builtLayerWith } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { FUZZ_SEED, randomSource } from '../../support/fuzz-bytes.js';
import { hostileRequest } from '../../support/hostile-requests.js';
import { eventFor } from '../../support/http-events.js';
import { openTestFunction } from '../../support/local-function.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// The server in bin/php, checked by gcc's analyzer, whose warnings are errors, and compiled with gcc's sanitizers of addresses and
// undefined behavior, which end the process at an error. A failure names its seed: FUZZ_SEED=… runs it again.

const EVENTS = 300;
const FIXTURES = join(packageRoot, 'test', 'fixtures', 'php');

test(`sanitizers find nothing while hostile events are served, seed ${String(FUZZ_SEED)}`, async () => {
  await using folder = await temporaryFolder();
  const recipe = join(folder.path, 'recipes', 'php-sanitized');
  await cp(join(FIXTURES, 'sanitizers'), recipe, { recursive: true });
  await cp(join(packageRoot, 'recipes', 'php-lambda', 'src'), join(recipe, 'src'), { recursive: true });
  await using layer = await builtLayerWith('php/8.4', [
    ...['--recipes', join(folder.path, 'recipes'), '--with', 'php-sanitized'],
  ]);
  const start = join(folder.path, 'start.zip');
  await writeZip(start, [fileEntry('bootstrap', '#!/opt/bin/php-sanitized --lambda\n', 0o755)]);
  const random = randomSource(FUZZ_SEED);
  for (const mode of ['web', 'worker']) {
    await using fn = await openTestFunction({
      layers: [layer.zip, start],
      files: { 'public/index.php': await readFile(join(FIXTURES, 'web', 'hostile.php')) },
      handler: 'public/index.php',
      env: {
        LAYERSMITH_MODE: mode,
        // PHP's memory is malloc's then, which the sanitizers watch. Leaks at the end of a killed process are none.
        ...{ USE_ZEND_ALLOC: '0', ASAN_OPTIONS: 'detect_leaks=0' },
      },
      memoryMb: 1024,
    });
    for (let n = 0; n < EVENTS; n += 1) {
      const event = hostileRequest(random);
      const { payload } = await fn.invoke({ event });
      const what = `${mode}, event ${String(n)}: ${event.subarray(0, 500).toString()}\n${payload.toString().slice(0, 300)}`;
      expect(
        fn.log.filter((line) => /Sanitizer|runtime error|PHP (was|ended)/.test(line)),
        what,
      ).toEqual([]);
    }
    const { payload } = await fn.invoke({ event: eventFor({ target: '/program' }) });
    expect(JSON.parse(payload.toString())).toMatchObject({ body: '/opt/bin/php-sanitized' });
  }
});

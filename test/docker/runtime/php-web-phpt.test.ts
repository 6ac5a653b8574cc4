import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { runContextOf } from '../../../src/pipeline/build/build-context.js';
import { runLayerProgram } from '../../../src/sandbox/layer-program.js';
import type { Tree } from '../../../src/tree/tree.js';
import { openContent } from '../../../src/tree/tree-entry.js';
import { readZip } from '../../../src/tree/zip-reader.js';
import { builtLayerWith } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { testContext } from '../../support/local-function.js';

// PHP's own tests of requests judge web mode, beside a php-cgi of the same objects. The recipe in fixtures/phpt links it and adds the tests.

const fixtures = join(packageRoot, 'test', 'fixtures', 'phpt');

/** Events of format 2.0 and 1.0, and answers that are streamed. */
const RUNS = ['2.0', '1.0', 'streamed'] as const;

const differencesSchema = z.array(
  z.strictObject({ reason: z.string(), runs: z.array(z.enum(RUNS)), tests: z.array(z.string()) }),
);

async function readDifferences(): Promise<z.infer<typeof differencesSchema>> {
  const file = join(fixtures, 'differences.json');
  return differencesSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}

/** Runs the tests in a container without a network. Returns its folder of results. */
async function runTests(recipe: string): Promise<Tree> {
  const context = runContextOf(await testContext());
  await using built = await builtLayerWith(recipe, [
    ...['--recipes', join(fixtures, 'recipes'), '--with', 'php-cgi'],
  ]);
  await using layer = await readZip(built.zip, { tmpDir: context.store.tmpDir });
  return await runLayerProgram(
    {
      what: "PHP's tests",
      trees: { '/opt': layer.entries },
      command: ['/bin/bash', '/opt/share/phpt/run.sh', '/tmp/work/result'],
      env: { PATH: '/usr/bin:/bin' },
      work: { path: '/tmp/work', tree: [] },
      result: '/tmp/work/result',
      hasNetwork: false,
      needsShell: true,
      hint: 'See above.',
    },
    { context, onLine: () => undefined },
  );
}

async function contentOf(tree: Tree, path: string): Promise<string> {
  const entry = tree.entries.find((one) => one.path === path);
  if (entry?.type !== 'file') throw new Error(`the run left no ${path}`);
  return await text(openContent(entry));
}

/** `missing` are known differences whose tests a line does not have, or skips. */
const LINES = [
  { recipe: 'php/8.4', missing: [] },
  {
    recipe: 'php/7.4',
    missing: ['ext/mbstring/tests/mb_http_input.phpt', 'ext/mbstring/tests/mb_http_input_pass.phpt'],
  },
];

describe.each(LINES)("PHP's own tests of $recipe", ({ recipe, missing }) => {
  let results: Tree;
  /** The names of tests by their status, of each run. */
  const byStatus = new Map<string, Map<string, string[]>>();

  beforeAll(async () => {
    results = await runTests(recipe);
    for (const run of ['cgi', ...RUNS]) {
      const lines = (await contentOf(results, run)).trimEnd().split('\n');
      const names = new Map<string, string[]>();
      for (const line of lines) {
        const [status = '', name = ''] = line.split('\t');
        names.set(status, [...(names.get(status) ?? []), name]);
      }
      byStatus.set(run, names);
    }
  }, 600_000);

  afterAll(async () => {
    await results[Symbol.asyncDispose]();
  });

  function withStatus(run: string, status: string): string[] {
    return byStatus.get(run)?.get(status) ?? [];
  }

  test('php-cgi passes them', () => {
    expect(withStatus('cgi', 'FAILED')).toEqual([]);
    expect(withStatus('cgi', 'PASSED').length).toBeGreaterThan(200);
  });

  test.each(RUNS)(
    'what passes with php-cgi passes in web mode, but for the known differences: %s',
    async (run) => {
      const passed = withStatus('cgi', 'PASSED');
      const failed = passed.filter((name) => !withStatus(run, 'PASSED').includes(name));
      const known = (await readDifferences()).flatMap(({ runs, tests }) => (runs.includes(run) ? tests : []));
      const unknown = failed.filter((name) => !known.includes(name));
      const diffs = await Promise.all(
        unknown.map((name) => contentOf(results, `${run}.diffs/${name.replaceAll('/', '-')}`).catch(String)),
      );
      // A test that passes is no difference any more.
      const stale = known.filter((name) => passed.includes(name) && !failed.includes(name));
      expect({ unknown, stale }, diffs.join('\n\n')).toEqual({ unknown: [], stale: [] });
    },
  );

  test('every known difference is of a test that php-cgi passes', async () => {
    const known = (await readDifferences()).flatMap(({ tests }) => tests);
    expect(known.filter((name) => !withStatus('cgi', 'PASSED').includes(name))).toEqual(missing);
  });
});

test('every known difference is in the documentation, with its reason', async () => {
  const docs = await readFile(join(packageRoot, 'docs', 'web-differences.md'), 'utf8');
  for (const { reason, tests } of await readDifferences()) {
    for (const name of tests) {
      const row = docs.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? '';
      expect(row, name).toContain(reason);
    }
  }
});

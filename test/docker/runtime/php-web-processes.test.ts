import { cp, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { runContextOf } from '../../../src/pipeline/build/build-context.js';
import { runLayerProgram } from '../../../src/sandbox/layer-program.js';
import { openContent, fileEntry } from '../../../src/tree/tree-entry.js';
import { readZip } from '../../../src/tree/zip-reader.js';
import { builtLayerWith, type BuiltLayer } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { testContext } from '../../support/local-function.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

// Several processes that serve at once, and processes that go on from a snapshot. A Runtime API in the same container
// (fixtures/php/processes) tells when which connection gets an answer. The recipe in fixtures/php/restored makes several
// environments of one snapshot.

const FIXTURES = join(packageRoot, 'test', 'fixtures', 'php');
const RESULT = '/tmp/work/result';
const BOOTSTRAP = '/var/judge/bootstrap';

const answerSchema = z.object({
  pid: z.number(),
  parent: z.number(),
  misses: z.number(),
  hits: z.number(),
});
const concurrencySchema = z.object({
  supervisor: z.number(),
  atOnce: z.array(answerSchema),
  seconds: z.number(),
  dies: z.number(),
  after: z.array(answerSchema),
});
const requestSchema = z.object({
  numbers: z.array(z.number()),
  numbersOfSeed: z.array(z.number()),
  openssl: z.string(),
  bytes: z.string(),
  session: z.string(),
  uniqid: z.string(),
  startedAt: z.number(),
  time: z.number(),
});
const restoreSchema = z.object({
  before: z.array(z.string()),
  isSameConnection: z.boolean().optional(),
  exitStatus: z.number().optional(),
  requests: z.array(requestSchema).default([]),
  time: z.number().optional(),
  calls: z.array(z.string()),
  // PHP writes an empty one as a list.
  errors: z.preprocess(
    (value) => (Array.isArray(value) ? {} : value),
    z.record(z.string(), z.object({ errorType: z.string(), errorMessage: z.string() })),
  ),
});

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
  const recipe = join(folder.path, 'php-restored');
  await cp(join(FIXTURES, 'restored'), recipe, { recursive: true });
  await cp(join(packageRoot, 'recipes', 'php-lambda', 'src'), join(recipe, 'src'), { recursive: true });
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** Runs a script of the fixtures on a layer. Returns its result. */
async function run(
  layer: BuiltLayer,
  { script, env }: { readonly script: string; readonly env: Readonly<Record<string, string>> },
): Promise<unknown> {
  const context = runContextOf(await testContext());
  await using zip = await readZip(layer.zip, { tmpDir: context.store.tmpDir });
  const fixtures = join(FIXTURES, 'processes');
  const files = await Promise.all(
    (await readdir(fixtures)).map(async (name) => fileEntry(name, await readFile(join(fixtures, name)))),
  );
  const lines: string[] = [];
  await using result = await runLayerProgram(
    {
      what: script,
      trees: {
        '/opt': zip.entries,
        '/var/task': files,
        '/var/judge': [...files, fileEntry('bootstrap', '#!/opt/bin/php-restored --lambda\n', 0o755)],
      },
      command: ['/opt/bin/php', `/var/judge/${script}`, RESULT],
      env: { PATH: '/usr/bin:/bin', LAMBDA_TASK_ROOT: '/var/task', ...env },
      work: { path: '/tmp/work', tree: [{ type: 'directory', path: 'result', mode: 0o755 }] },
      result: RESULT,
      hasNetwork: false,
      hint: 'See above.',
    },
    { context, onLine: (line) => lines.push(line) },
  );
  const entry = result.entries.find(({ path }) => path === 'result.json');
  if (entry?.type !== 'file') throw new Error(`${script} left no result:\n${lines.join('\n')}`);
  return JSON.parse(await text(openContent(entry)));
}

const distinct = (values: readonly unknown[]): number => new Set(values.map(String)).size;

/** `unseeded`: how many of three environments have numbers of their own from OpenSSL without a new seed. 1.1.1 mixes the time in. */
const LINES = [
  { recipe: 'php/8.4', unseeded: 1 },
  { recipe: 'php/7.4', unseeded: 3 },
] as const;

describe.each(LINES)('processes of $recipe', ({ recipe, unseeded }) => {
  let layer: BuiltLayer;

  beforeAll(async () => {
    layer = await builtLayerWith(recipe, ['--recipes', folder.path, '--with', 'php-restored']);
  });

  afterAll(async () => {
    await layer[Symbol.asyncDispose]();
  });

  async function restore(env: Readonly<Record<string, string>>): Promise<z.infer<typeof restoreSchema>> {
    const settings = { _HANDLER: 'restored.php', LAYERSMITH_MODE: 'worker', ...env };
    return restoreSchema.parse(await run(layer, { script: 'restore.php', env: settings }));
  }

  test('as many requests as Lambda sends at once are answered at once, by processes that share opcache', async () => {
    const env = { _HANDLER: 'concurrent.php', LAYERSMITH_MODE: 'web' };
    const result = concurrencySchema.parse(await run(layer, { script: 'concurrency.php', env }));
    const { supervisor, atOnce, seconds, dies, after } = result;
    const pids = atOnce.map(({ pid }) => pid);
    expect(distinct(pids)).toBe(4);
    expect(atOnce.map(({ parent }) => parent)).toEqual(Array.from({ length: 4 }, () => supervisor));
    // One after the other they would take 1.2 s.
    expect(seconds).toBeLessThan(1);
    expect(dies).toBe(502);
    expect(distinct(after.map(({ pid }) => pid))).toBe(4);
    expect(after.filter(({ pid }) => pids.includes(pid))).toHaveLength(3);
    // Each of them compiled the page at the same time at the most, and found it afterwards.
    const last = after.at(-1);
    expect(last?.hits).toBeGreaterThanOrEqual(4);
    expect(last?.misses).toBeLessThanOrEqual(4);
  });

  test('after a restore the connection, the clock and the seeds of random numbers are new', async () => {
    const { before, isSameConnection, requests, calls, errors, time } = await restore({});
    expect({ before, errors }).toEqual({ before: ['restore/next'], errors: {} });
    expect(calls.slice(0, 2)).toEqual(['restore/next', 'invocation/next']);
    expect(isSameConnection).toBe(false);
    const [request] = requests;
    expect(request?.numbers).not.toEqual(request?.numbersOfSeed);
    // The snapshot lay there for two seconds.
    expect((request?.time ?? 0) - (request?.startedAt ?? 0)).toBeGreaterThanOrEqual(2);
    expect(Math.abs((time ?? 0) - (request?.time ?? 0))).toBeLessThanOrEqual(2);
  });

  test('what several environments make of one snapshot by chance differs', async () => {
    const { requests } = await restore({ BOOTSTRAP, RESTORES: '3' });
    expect(requests).toHaveLength(3);
    for (const field of ['numbers', 'openssl', 'bytes', 'session', 'uniqid'] as const)
      expect(distinct(requests.map((request) => request[field])), field).toBe(3);
  });

  test('their memory is the same before that: without a new seed OpenSSL gives the same numbers', async () => {
    const { requests } = await restore({ BOOTSTRAP, RESTORES: '3', RAND_POLL: 'nothing' });
    expect(distinct(requests.map(({ openssl }) => openssl))).toBe(unseeded);
  });

  test('an environment that finds no new seed says so, and ends', async () => {
    const { exitStatus, calls, errors } = await restore({ BOOTSTRAP, RAND_POLL: 'fails' });
    expect(exitStatus).toBe(1);
    expect(calls).toEqual(['restore/next', 'restore/error']);
    expect(errors).toEqual({
      'restore/error': {
        errorType: 'Runtime.RestoreFailed',
        errorMessage: 'OpenSSL finds no new seed for its random numbers',
      },
    });
  });
});

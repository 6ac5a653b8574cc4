import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';
import type { BenchContext } from './bench-context.js';
import { functionTree } from './function-files.js';
import { CLASS_COUNT, functionOfClasses } from './function-of-classes.js';
import {
  openMeasuringContainer,
  type Job,
  type MeasuringContainer,
  type Measurement,
} from './measuring-container.js';
import { formatTable, howBusy, median } from './report.js';

/** A way to set up opcache. */
interface Variant {
  readonly name: string;
  /** Lines of a php.ini, after the layer's lines that are not about opcache; undefined for the layer's own. */
  readonly ini: readonly string[] | undefined;
  /** The state of the file cache at a cold start. */
  readonly cache: 'none' | 'empty' | 'filled';
}

const LOADED = 'zend_extension = opcache';
const ENABLED = [LOADED, 'opcache.enable_cli = 1'];
/** PHP replaces this by an environment variable. */
const FILES_ONLY = [...ENABLED, 'opcache.file_cache = ${CACHE}', 'opcache.file_cache_only = 1'];

const VARIANTS: readonly Variant[] = [
  { name: 'as the layer sets it', ini: undefined, cache: 'none' },
  { name: 'not loaded', ini: [], cache: 'none' },
  { name: 'loaded, off', ini: [LOADED, 'opcache.enable_cli = 0'], cache: 'none' },
  { name: 'on, in shared memory', ini: ENABLED, cache: 'none' },
  {
    name: 'the same without its optimizer',
    ini: [...ENABLED, 'opcache.optimization_level = 0'],
    cache: 'none',
  },
  {
    name: 'on, in shared memory, with JIT',
    ini: [...ENABLED, 'opcache.jit = tracing', 'opcache.jit_buffer_size = 32M'],
    cache: 'none',
  },
  { name: 'on, in files, none there', ini: FILES_ONLY, cache: 'empty' },
  { name: 'on, in files, all there', ini: FILES_ONLY, cache: 'filled' },
];

const BOOTSTRAP = ['/opt/bootstrap'];
const WARM_ROUNDS = 7;
const WARM_INVOCATIONS = 100;

/** The results of one setup, one figure per round. Times in microseconds, memory in KiB. */
interface Figures {
  readonly small: number[];
  readonly classes: number[];
  readonly records: number[];
  readonly numbers: number[];
  readonly peakKb: number[];
}

/** Measures cold starts, warm work and memory of functions under each setup of opcache, in rounds. */
export async function benchOpcache(
  bench: BenchContext,
  { root, recipe, runs }: { readonly root: string; readonly recipe: string; readonly runs: number },
): Promise<string> {
  const files = { opt: await bench.layer(recipe), task: await functionFiles(root) };
  await using container = await openMeasuringContainer(files, bench.build);
  const figures = new Map<Variant, Figures>(
    VARIANTS.map((variant) => [variant, { small: [], classes: [], records: [], numbers: [], peakKb: [] }]),
  );
  const before = howBusy();
  for (const variant of VARIANTS) await fillCache(container, variant);
  for (let run = 0; run < runs; run++) {
    for (const [variant, figure] of figures) {
      const small = await coldStart(container, variant, 'hello', `small-${run}`);
      figure.small.push(small.firstAnswerUs ?? NaN);
      const classes = await coldStart(container, variant, 'classes', `classes-${run}`);
      figure.classes.push(classes.firstAnswerUs ?? NaN);
      figure.peakKb.push(classes.peakRssKb);
    }
  }
  for (let round = 0; round < WARM_ROUNDS; round++) {
    for (const [variant, { records, numbers }] of figures) {
      records.push(await warmWork(container, variant, 'records'));
      numbers.push(await warmWork(container, variant, 'numbers'));
    }
  }
  const header = ['opcache', 'one small file', `${CLASS_COUNT} classes`, 'peak', 'records', 'numbers'];
  const rows = [...figures].map(([{ name }, { small, classes, peakKb, records, numbers }]) => [
    name,
    milliseconds(small),
    milliseconds(classes),
    `${(median(peakKb) / 1024).toFixed(1)} MiB`,
    milliseconds(records),
    milliseconds(numbers),
  ]);
  return formatTable(
    `opcache of ${recipe}: from exec to the first answer, memory with the classes, warm invocations; medians; ${before}`,
    [header, ...rows],
    ['left', 'right', 'right', 'right', 'right', 'right'],
  );
}

/** `cache` is the name of the cache folder, unless all cold starts share a filled one. */
async function coldStart(
  container: MeasuringContainer,
  variant: Variant,
  handler: string,
  cache: string,
): Promise<Measurement> {
  const env = environmentOf(variant, variant.cache === 'filled' ? 'filled' : cache);
  if (variant.cache === 'empty') await makeCache(container, env);
  return container.measure(jobOf({ ...env, _HANDLER: handler }, 1));
}

async function fillCache(container: MeasuringContainer, variant: Variant): Promise<void> {
  if (variant.cache !== 'filled') return;
  const env = environmentOf(variant, 'filled');
  await makeCache(container, env);
  for (const handler of ['hello', 'classes']) {
    await container.measure(jobOf({ ...env, _HANDLER: handler }, 1));
  }
}

/** The time of one invocation in a warm process. */
async function warmWork(
  container: MeasuringContainer,
  variant: Variant,
  work: 'records' | 'numbers',
): Promise<number> {
  const env = environmentOf(variant, 'warm');
  await makeCache(container, env);
  const job = jobOf({ ...env, _HANDLER: 'compute', WORK: work }, WARM_INVOCATIONS);
  return (await container.measure(job)).cycleUs?.p50 ?? NaN;
}

function jobOf(env: Readonly<Record<string, string>>, count: number): Job {
  return { command: BOOTSTRAP, env, events: 'hello', count };
}

function environmentOf(variant: Variant, cache: string): Readonly<Record<string, string>> {
  const folder = { CACHE: `/tmp/${slug(variant)}-${cache}` };
  return variant.ini === undefined ? folder : { ...folder, PHPRC: `/var/task/ini/${slug(variant)}` };
}

/** Creates the cache folder, which PHP requires. */
async function makeCache(
  container: MeasuringContainer,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const command = ['/opt/bin/php', '-n', '-r', 'is_dir(getenv("CACHE")) || mkdir(getenv("CACHE"));'];
  await container.measure({ command, env, events: 'none', count: 0 });
}

/** The handlers, the classes, and a php.ini for each setup other than the layer's. */
async function functionFiles(root: string): Promise<TreeEntry[]> {
  const own = await readFile(join(root, 'recipes', 'php', 'layer', 'etc', 'php', 'php.ini'), 'utf8');
  const common = own.split('\n').filter((line) => !line.startsWith(';') && !line.includes('opcache'));
  const handlers = await functionTree(root, ['src/classes.php', 'src/compute.php', 'src/hello.php']);
  const settings = VARIANTS.flatMap((variant) =>
    variant.ini === undefined
      ? []
      : [fileEntry(`ini/${slug(variant)}/php.ini`, `${[...common, ...variant.ini].join('\n')}\n`)],
  );
  return [...handlers, ...functionOfClasses(), ...settings];
}

function slug({ name }: Variant): string {
  return name.replaceAll(/[^a-zA-Z0-9]+/g, '-');
}

function milliseconds(microseconds: readonly number[]): string {
  return `${(median(microseconds) / 1000).toFixed(1)} ms`;
}

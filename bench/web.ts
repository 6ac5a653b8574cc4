import type { BenchContext } from './bench-context.js';
import { functionTree } from './function-files.js';
import {
  openMeasuringContainer,
  type Job,
  type MeasuringContainer,
  type Measurement,
} from './measuring-container.js';
import { formatReport, formatTable, howBusy, median, type Row } from './report.js';

const FILES = [
  ...['src/hello.php', 'public/index.php', 'public/worker.php', 'public/page.php'],
  ...['fpm.php', 'fpm-loop.php', 'fpm-curl-loop.php', 'php-fpm.conf'],
];

const WEB = 'web mode';
const WORKER = 'worker mode';
const FPM = 'PHP-FPM, the least loop';
const FPM_CURL = 'PHP-FPM, curl and a connection each';
const FUNCTION = 'a function, beside them';

const BOOTSTRAP = ['/opt/bootstrap'];
const PROGRAMS: Readonly<Record<string, Pick<Job, 'command' | 'env' | 'events'>>> = {
  [WEB]: {
    command: BOOTSTRAP,
    env: { LAYERSMITH_MODE: 'web', _HANDLER: 'public/index.php' },
    events: 'page',
  },
  [WORKER]: {
    command: BOOTSTRAP,
    env: { LAYERSMITH_MODE: 'worker', _HANDLER: 'public/worker.php' },
    events: 'page',
  },
  [FPM]: { command: ['/opt/bin/php', '/var/task/fpm-loop.php'], events: 'page' },
  [FPM_CURL]: { command: ['/opt/bin/php', '/var/task/fpm-curl-loop.php'], events: 'page' },
  [FUNCTION]: { command: BOOTSTRAP, env: { _HANDLER: 'hello' }, events: 'hello' },
};

const WARM_REQUESTS = 1000;
/** Starts are measured more often: they vary more. */
const STARTS_PER_ROUND = 2;

/** The results of a program, one figure for each run. Times in microseconds, memory in KiB. */
interface Figures {
  readonly warm: number[];
  readonly warmCpu: number[];
  readonly start: number[];
  readonly startCpu: number[];
  readonly pss: number[];
}

/** Compares web mode with PHP-FPM of the same PHP behind bootstraps written in PHP: requests, starts and memory. */
export async function benchWeb(
  bench: BenchContext,
  { root, recipe, runs }: { readonly root: string; readonly recipe: string; readonly runs: number },
): Promise<string> {
  await using layer = await bench.compose(recipe, ['php-fpm']);
  const busy = howBusy();
  await using container = await openMeasuringContainer(
    { opt: layer.entries, task: await functionTree(root, FILES) },
    bench.build,
  );
  const all = new Map<string, Figures>(
    Object.keys(PROGRAMS).map((name) => [name, { warm: [], warmCpu: [], start: [], startCpu: [], pss: [] }]),
  );
  for (let round = 0; round < runs; round++) {
    for (const [name, figures] of all) await measureOnce(container, name, figures);
  }
  const title = `web of ${recipe}: one small page, on loopback, everything on one CPU; medians of ${runs} rounds; ${busy}`;
  const header = ['', 'a request', 'its CPU', 'to the first answer', 'its CPU', 'memory'];
  const rows = [...all].map(([name, { warm, warmCpu, start, startCpu, pss }]) => [
    name,
    `${median(warm).toFixed(1)} µs`,
    `${median(warmCpu).toFixed(1)} µs`,
    `${(median(start) / 1000).toFixed(1)} ms`,
    `${(median(startCpu) / 1000).toFixed(1)} ms`,
    pss.length === 0 ? '' : `${(median(pss) / 1024).toFixed(1)} MiB`,
  ]);
  const columns = ['left', 'right', 'right', 'right', 'right', 'right'] as const;
  return formatTable(title, [header, ...rows], columns) + formatReport('', ratios(all)).slice(1);
}

async function measureOnce(container: MeasuringContainer, name: string, figures: Figures): Promise<void> {
  const program = PROGRAMS[name];
  if (program === undefined) throw new RangeError(`no program ${name}`);
  for (let start = 0; start < STARTS_PER_ROUND; start++) {
    const first = await measured(container, { ...program, count: 1 });
    figures.start.push(first.firstAnswerUs ?? NaN);
    figures.startCpu.push(first.treeCpuUs?.[0] ?? first.userUs + first.systemUs);
    if (first.treePssKb !== null) figures.pss.push(first.treePssKb[0]);
  }
  const warm = await measured(container, { ...program, count: WARM_REQUESTS });
  figures.warm.push(warm.cycleUs?.p50 ?? NaN);
  const [before, after] = warm.treeCpuUs ?? [0, warm.userUs + warm.systemUs];
  figures.warmCpu.push((after - before) / (WARM_REQUESTS - 1));
}

async function measured(container: MeasuringContainer, job: Job): Promise<Measurement> {
  const result = await container.measure(job);
  if (result.errors > 0) throw new Error(`${job.command.join(' ')} answered with errors`);
  return result;
}

function ratios(all: ReadonlyMap<string, Figures>): Row[] {
  const ratio = (what: keyof Figures, name: string, beside: string): number =>
    median(all.get(name)?.[what] ?? []) / median(all.get(beside)?.[what] ?? []);
  const row = (what: string, value: number, most?: number): Row => ({
    what,
    value: `${value.toFixed(2)} ×`,
    ...(most === undefined ? {} : { aim: `at most ${most} ×`, met: value <= most }),
  });
  return [
    row('a request: web mode, in those of FPM', ratio('warm', WEB, FPM), 0.4),
    row('its CPU', ratio('warmCpu', WEB, FPM)),
    row('the same, beside curl and a connection each', ratio('warm', WEB, FPM_CURL)),
    row('a request: worker mode, in those of FPM', ratio('warm', WORKER, FPM)),
    row('a request: worker mode, in those of web mode', ratio('warm', WORKER, WEB)),
    row('to the first answer: web mode, in those of FPM', ratio('start', WEB, FPM), 0.5),
    row('its CPU', ratio('startCpu', WEB, FPM)),
    row('memory: web mode, in that of FPM', ratio('pss', WEB, FPM), 0.6),
  ];
}

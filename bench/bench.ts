/**
 * `make bench`: measures this machine and prints a report; it is not a test. BENCH chooses one part (build, layer, runtime, web,
 * opcache, precompiled, speed, extensions, variants; default: all but the last two, which compile much), RECIPE the recipe to build and measure
 * (default: php/8.4), RUNS the number of repetitions. EXTENSIONS=redis,apcu measures only those.
 */
import { openBenchContext, type BenchContext } from './bench-context.js';
import { benchBuild } from './build.js';
import { benchExtensions } from './extensions.js';
import { benchLayer } from './layer.js';
import { benchOpcache } from './opcache.js';
import { benchPrecompiled } from './precompiled.js';
import { benchRuntime } from './runtime.js';
import { benchSpeed } from './speed.js';
import { benchVariants } from './variants.js';
import { benchWeb } from './web.js';

const PARTS = [
  'build',
  'layer',
  'runtime',
  'web',
  'opcache',
  'precompiled',
  'speed',
  'extensions',
  'variants',
] as const;
type Part = (typeof PARTS)[number];

const root = process.cwd();
const recipe = process.env['RECIPE'] || 'php/8.4';
const asked = process.env['BENCH'] || undefined;
const chosen = PARTS.filter((part) =>
  asked === undefined ? !['extensions', 'variants'].includes(part) : part === asked,
);
if (chosen.length === 0) {
  process.stderr.write(
    `BENCH=${asked ?? ''} is not a part of the benchmarks: use one of ${PARTS.join(', ')}\n`,
  );
  process.exit(64);
}

function runsOf(part: Part): number {
  const usual = {
    build: 5,
    layer: 7,
    runtime: 21,
    web: 15,
    opcache: 15,
    precompiled: 21,
    speed: 7,
    extensions: 21,
    variants: 21,
  }[part];
  return Number(process.env['RUNS'] || usual);
}

async function report(part: Part, bench: BenchContext): Promise<string> {
  const options = { root, recipe, runs: runsOf(part) };
  switch (part) {
    case 'build':
      return benchBuild(options);
    case 'layer':
      return benchLayer(bench, options);
    case 'runtime':
      return benchRuntime(bench, options);
    case 'web':
      return benchWeb(bench, options);
    case 'opcache':
      return benchOpcache(bench, options);
    case 'precompiled':
      return benchPrecompiled(bench, options);
    case 'speed':
      return benchSpeed(bench, options);
    case 'variants':
      return benchVariants(bench, options);
    case 'extensions':
      return benchExtensions(bench, { ...options, only: process.env['EXTENSIONS']?.split(',') });
  }
}

const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort(new Error('interrupted'));
});
await using bench = await openBenchContext({
  root,
  report: (text) => process.stderr.write(text),
  signal: interrupted.signal,
});
const reports: string[] = [];
for (const part of chosen) {
  process.stderr.write(`${part}\n`);
  reports.push(await report(part, bench));
}
process.stdout.write(reports.join('\n'));

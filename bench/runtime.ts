import type { TreeEntry } from '../src/tree/tree-entry.js';
import type { BenchContext } from './bench-context.js';
import { functionTree } from './function-files.js';
import {
  growthKb,
  LOOPBACK_API,
  openMeasuringContainer,
  type Job,
  type MeasuringContainer,
  type Measurement,
} from './measuring-container.js';
import { formatReport, howBusy, median, type Row } from './report.js';

const FLOOR = 'C client, the floor';
const CURL = 'PHP, a curl connection for each call';
const OURS = 'the PHP bootstrap';

const PROGRAMS: Readonly<Record<string, Pick<Job, 'command' | 'count'>>> = {
  [FLOOR]: { command: [LOOPBACK_API, 'client'], count: 3000 },
  [OURS]: { command: ['/opt/bootstrap'], count: 3000 },
  [CURL]: { command: ['/opt/bin/php', '/var/task/curl-loop.php'], count: 500 },
  'the Lua bootstrap': { command: ['/opt/lua-bootstrap'], count: 3000 },
};

const FILES = ['src/hello.php', 'src/varied.php', 'src/hello.lua', 'curl-loop.php'];
const STARTS = 30;
const FLAT_INVOCATIONS = 100_000;

/** Measures invocations, starts and memory of the bootstraps, over loopback in one container. */
export async function benchRuntime(
  bench: BenchContext,
  { root, recipe, runs }: { readonly root: string; readonly recipe: string; readonly runs: number },
): Promise<string> {
  const php = await bench.layer(recipe);
  const lua = await bench.layer('lua/5.4');
  await using container = await openMeasuringContainer(
    { opt: [...php, ...besides(lua)], task: await functionTree(root, FILES) },
    bench.build,
  );
  const before = howBusy();
  const invocations = await perInvocation(container, runs);
  const starts = await startRows(container);
  const memory = await memoryRows(container);
  return formatReport(`runtime of ${recipe}: on loopback, everything on one CPU; medians; ${before}`, [
    ...invocations,
    ...starts,
    ...memory,
  ]);
}

/** The files that the Lua layer adds to the PHP layer, with its bootstrap under another name. */
function besides(lua: readonly TreeEntry[]): TreeEntry[] {
  return lua
    .filter(({ path }) => path === 'bin/lua' || path === 'bootstrap')
    .map((entry) => (entry.path === 'bootstrap' ? { ...entry, path: 'lua-bootstrap' } : entry));
}

/** Measures all programs in turn, round after round, so that other load on the machine affects all of them. */
async function perInvocation(container: MeasuringContainer, rounds: number): Promise<Row[]> {
  const times = new Map<string, { readonly cycle: number[]; readonly cpu: number[] }>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, job] of Object.entries(PROGRAMS)) {
      const measured = await container.measure({ ...job, events: 'hello' });
      const { cycle, cpu } = times.get(name) ?? { cycle: [], cpu: [] };
      cycle.push(measured.cycleUs?.p50 ?? NaN);
      cpu.push((measured.userUs + measured.systemUs) / job.count);
      times.set(name, { cycle, cpu });
    }
  }
  const cycleOf = (name: string): number => median(times.get(name)?.cycle ?? []);
  const toFloor = cycleOf(OURS) / cycleOf(FLOOR);
  const toCurl = cycleOf(CURL) / cycleOf(OURS);
  return [
    ...[...times].map(([name, { cpu }]) => ({
      what: `an invocation: ${name}`,
      value: `${cycleOf(name).toFixed(1)} µs (CPU ${median(cpu).toFixed(1)})`,
    })),
    {
      what: `${OURS}, in C clients`,
      value: `${toFloor.toFixed(2)} ×`,
      aim: 'at most 1.1 ×',
      met: toFloor <= 1.1,
    },
    {
      what: `${OURS}, faster than the curl loop`,
      value: `${toCurl.toFixed(1)} ×`,
      aim: 'at least 3 ×',
      met: toCurl >= 3,
    },
  ];
}

async function startRows(container: MeasuringContainer): Promise<Row[]> {
  const ours: Measurement[] = [];
  const plain: Measurement[] = [];
  for (let run = 0; run < STARTS; run++) {
    ours.push(await container.measure({ command: ['/opt/bootstrap'], events: 'hello', count: 0 }));
    const command = ['/opt/bin/php', '-n', '-r', '1;'];
    plain.push(await container.measure({ command, events: 'none', count: 0 }));
  }
  const start = median(ours.map(({ firstNextUs }) => firstNextUs ?? NaN)) / 1000;
  const bare = median(plain.map(({ endedUs }) => endedUs ?? NaN)) / 1000;
  return [
    {
      what: `from exec to the first /next: ${OURS}`,
      value: `${start.toFixed(1)} ms (CPU ${cpuMs(ours)})`,
      aim: 'under 15 ms',
      met: start < 15,
    },
    {
      what: 'beside it, from exec to exit: php -n -r 1',
      value: `${bare.toFixed(1)} ms (CPU ${cpuMs(plain)})`,
    },
  ];
}

/** CPU time of the program only, without that of other programs. */
function cpuMs(measurements: readonly Measurement[]): string {
  return (median(measurements.map(({ userUs, systemUs }) => userUs + systemUs)) / 1000).toFixed(1);
}

async function memoryRows(container: MeasuringContainer): Promise<Row[]> {
  const env = { _HANDLER: 'varied' };
  const flat = await container.measure({
    command: ['/opt/bootstrap'],
    env,
    events: 'varied',
    count: FLAT_INVOCATIONS,
  });
  const growth = growthKb(flat);
  return [
    {
      what: `peak memory: ${OURS}, events up to 256 KiB`,
      value: `${(flat.peakRssKb / 1024).toFixed(1)} MiB`,
    },
    {
      what: `its growth over ${FLAT_INVOCATIONS.toLocaleString('en')} invocations`,
      value: `${growth} KiB`,
      aim: 'flat: under 512 KiB',
      met: growth < 512,
    },
  ];
}

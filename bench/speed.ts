import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openScope, type DisposalScope } from '../src/core/disposal-scope.js';
import { byPath, fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';
import { writeZip } from '../src/tree/zip-writer.js';
import type { Start } from '../src/recipe/recipe-schema.js';
import { openBenchContext, type BenchContext } from './bench-context.js';
import { functionTree } from './function-files.js';
import { LOOPBACK_API, openMeasuringContainer, type MeasuringContainer } from './measuring-container.js';
import { MIXED, mixedFiles } from './mixed.js';
import { startsOfClasses } from './precompiled.js';
import { formatReport, formatTable, howBusy, median, type Row } from './report.js';

const OURS = 'as the layer has it';
const FASTEST = 'start: fastest';
const BEFORE = 'without the levers';
const OTHER = "libphp's PHP 8.4.14";
const FLOOR = 'C client, the floor';

/** How bin/php is linked. Each variant lacks what the files replace. */
interface Variant {
  readonly name: string;
  readonly start?: Start;
  /** Which levers it has. */
  readonly isOrdered: boolean;
  readonly hasHeap: boolean;
}

const VARIANTS: readonly Variant[] = [
  { name: BEFORE, isOrdered: false, hasHeap: false },
  { name: 'with the heap alone', isOrdered: false, hasHeap: true },
  { name: 'with the order alone', isOrdered: true, hasHeap: false },
  { name: OURS, isOrdered: true, hasHeap: true },
  { name: FASTEST, start: 'fastest', isOrdered: true, hasHeap: true },
];

/** Extensions of the default layer that libphp's PHP has as modules. Those that others need come first. */
const OTHER_MODULES = [
  ...[
    'bcmath',
    'ctype',
    'curl',
    'dom',
    'exif',
    'fileinfo',
    'ftp',
    'iconv',
    'mbstring',
    'mysqlnd',
    'pdo',
    'phar',
  ],
  ...['posix', 'simplexml', 'sockets', 'sodium', 'sqlite3', 'tokenizer', 'xml', 'xmlwriter', 'zip', 'mysqli'],
  ...['pdo_mysql', 'pdo_sqlite', 'xmlreader'],
];
const OTHER_FOLDER = 'other-php';
/** Libraries that it finds on Lambda, and not in the runtime image. They are taken from this machine: Debian's, of x86_64. */
const OTHER_LIBRARIES = [
  ...['libz.so.1', 'libgssapi_krb5.so.2', 'libkrb5.so.3', 'libk5crypto.so.3', 'libcom_err.so.2'],
  ...['libkrb5support.so.0', 'libkeyutils.so.1', 'libresolv.so.2', 'libpcre2-8.so.0'],
];

/** A script that it cannot run: it reads the system's time zones, which the runtime image lacks. */
const NOT_FOR_OTHER = 'dates';

const STARTS_PER_ROUND = 3;
const WARM_EVENTS = 3000;
/** Chosen so that each script takes 0.1 to 0.3 s. */
const MIXED_ROUNDS = '400';

/** A program with its figures, one for each run. */
interface Measured {
  readonly name: string;
  readonly bytes: number;
  /** In microseconds. */
  readonly firstNext: number[];
  readonly faults: number[];
  /** In KiB. */
  readonly pss: number[];
}

/** Compares how bin/php starts and computes: with and without each lever, and beside another PHP for Lambda. */
export async function benchSpeed(
  bench: BenchContext,
  { root, recipe, runs }: { readonly root: string; readonly recipe: string; readonly runs: number },
): Promise<string> {
  await using scope = openScope();
  const variants: Built[] = [];
  for (const variant of VARIANTS) variants.push(await build(variant, { bench, root, recipe, scope }));
  const [ours, before] = [OURS, BEFORE].map((name) => variants.find((each) => each.variant.name === name));
  if (ours === undefined || before === undefined) throw new RangeError('a variant is missing');
  const programs = variants.map(({ program }, index) => ({ ...program, path: pathOf(index) }));
  const other = recipe.startsWith('php/8.4') ? await otherPhp(root) : [];
  const opt = [...ours.entries, ...programs, ...other].sort(byPath);
  const task = [...(await functionTree(root, ['src/hello.php'])), ...(await mixedFiles(root))].sort(byPath);
  const busy = howBusy();
  await using container = await openMeasuringContainer({ opt, task }, bench.build);
  const starts = await measureStarts(container, { variants, hasOther: other.length > 0, runs });
  const classes = await startsOfClasses(bench, { recipe, runs });
  const rows: Row[] = [
    ...startAims(starts.ours),
    ...(await zipRows(bench, { ours: ours.entries, before: before.entries })),
    ...starts.beside,
    ...(await warmRows(container, runs)),
    ...(await mixedRows(container, { hasOther: other.length > 0, runs })),
    aim('cold load of 250 classes, precompiled, in times of no opcache', {
      value: median(classes.precompiled) / median(classes.none),
      most: 0.35,
      unit: '×',
    }),
    aim('the same, in times of an empty cache', {
      value: median(classes.precompiled) / median(classes.empty),
      most: 0.14,
      unit: '×',
    }),
  ];
  const title = `speed of ${recipe}: from exec to the first /next; medians of ${runs} rounds, with the quartiles; ${busy}`;
  return starts.table(title) + formatReport('', rows).slice(1);
}

interface Built {
  readonly variant: Variant;
  readonly entries: readonly TreeEntry[];
  /** bin/php. */
  readonly program: TreeEntry & { readonly type: 'file' };
}

/** Links a variant. What it lacks is replaced by empty files in a recipe folder of its own. */
async function build(
  variant: Variant,
  {
    bench,
    root,
    recipe,
    scope,
  }: {
    readonly bench: BenchContext;
    readonly root: string;
    readonly recipe: string;
    readonly scope: DisposalScope;
  },
): Promise<Built> {
  const folder = join(bench.folder, 'variants', variant.name.replaceAll(/\W+/g, '-'));
  const line = recipe.replace(/^.*\//, '');
  const missing = [
    ...(variant.isOrdered ? [] : [`php-lambda/${line}/sections.order`]),
    ...(variant.hasHeap ? [] : ['php-lambda/src/heap.c']),
  ];
  await mkdir(folder, { recursive: true });
  for (const path of missing) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), '');
  }
  const context = scope.own(
    await openBenchContext({
      root,
      recipes: [folder],
      report: (text) => process.stderr.write(text),
      signal: bench.build.signal,
    }),
  );
  const tree = scope.own(await context.compose(recipe, [], variant.start));
  const program = tree.entries.find(({ path }) => path === 'bin/php');
  if (program?.type !== 'file') throw new Error('the layer has no bin/php');
  return { variant, entries: tree.entries, program };
}

function pathOf(index: number): string {
  return `variants/php-${index}`;
}

/** Downloads libphp's package, whose digest is in the lock file, and returns the PHP in it with settings like those of the layer. */
async function otherPhp(root: string): Promise<readonly TreeEntry[]> {
  const folder = join(root, 'bench', 'other-php');
  await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
  const native = join(folder, 'node_modules', '@libphp', 'amazon-linux-2023-v84', 'native');
  const entry = async (path: string, from: string, mode: number): Promise<TreeEntry> =>
    fileEntry(`${OTHER_FOLDER}/${path}`, await readFile(join(native, from)), mode);
  const libraries = await readdir(join(native, 'lib'));
  const settings = [
    `extension_dir = /opt/${OTHER_FOLDER}/modules`,
    'zend_extension = opcache',
    'opcache.enable_cli = 0',
    ...OTHER_MODULES.map((name) => `extension = ${name}`),
  ];
  return [
    await entry('php', 'php/php', 0o755),
    ...(await Promise.all(libraries.map((name) => entry(`lib/${name}`, `lib/${name}`, 0o755)))),
    ...(await Promise.all(
      OTHER_LIBRARIES.map(async (name) =>
        fileEntry(
          `${OTHER_FOLDER}/lib/${name}`,
          await readFile(join('/usr/lib/x86_64-linux-gnu', name)),
          0o755,
        ),
      ),
    )),
    ...(await Promise.all(
      [...OTHER_MODULES, 'opcache'].map((name) =>
        entry(`modules/${name}.so`, `php/modules/${name}.so`, 0o755),
      ),
    )),
    fileEntry(`${OTHER_FOLDER}/php.ini`, settings.map((text) => `${text}\n`).join('')),
  ];
}

const OTHER_PHP = {
  command: [`/opt/${OTHER_FOLDER}/php`, '-c', `/opt/${OTHER_FOLDER}/php.ini`],
  env: { LD_LIBRARY_PATH: `/opt/${OTHER_FOLDER}/lib` },
} as const;

interface Starts {
  readonly table: (title: string) => string;
  readonly ours: ReadonlyMap<string, Measured>;
  readonly beside: readonly Row[];
}

async function measureStarts(
  container: MeasuringContainer,
  {
    variants,
    hasOther,
    runs,
  }: { readonly variants: readonly Built[]; readonly hasOther: boolean; readonly runs: number },
): Promise<Starts> {
  const all = variants.map(({ variant: { name }, program }): Measured => {
    return { name, bytes: program.sizeBytes, firstNext: [], faults: [], pss: [] };
  });
  const [ended, otherEnded]: [number[], number[]] = [[], []];
  const [peak, otherPeak]: [number[], number[]] = [[], []];
  for (let round = 0; round < runs * STARTS_PER_ROUND; round++) {
    for (const [index, { firstNext, faults, pss }] of all.entries()) {
      const command = [`/opt/${pathOf(index)}`, '--lambda', '/opt/bootstrap'];
      const measured = await container.measure({ command, events: 'hello', count: 0 });
      firstNext.push(measured.firstNextUs ?? NaN);
      faults.push(measured.minorFaults);
      pss.push(measured.treePssKb?.[1] ?? NaN);
    }
    if (!hasOther) continue;
    const ours = await container.measure({ command: ['/opt/bin/php', '-r', '1;'], events: 'none', count: 0 });
    ended.push(ours.endedUs ?? NaN);
    peak.push(ours.peakRssKb);
    const command = [...OTHER_PHP.command, '-r', '1;'];
    const other = await container.measure({ ...OTHER_PHP, command, events: 'none', count: 0 });
    if (other.exitCode !== 0) throw new Error(`${OTHER} does not start`);
    otherEnded.push(other.endedUs ?? NaN);
    otherPeak.push(other.peakRssKb);
  }
  const before = median(all[0]?.firstNext ?? []);
  const header = ['', 'first /next', '', 'beside the first', 'minor faults', 'memory (PSS)', 'bin/php'];
  const cells = all.map(({ name, bytes, firstNext, faults, pss }) => [
    name,
    `${(median(firstNext) / 1000).toFixed(2)} ms`,
    spread(firstNext),
    `${(median(firstNext) / before).toFixed(2)} ×`,
    String(median(faults)),
    `${(median(pss) / 1024).toFixed(1)} MiB`,
    `${(bytes / 1e6).toFixed(1)} MB`,
  ]);
  const columns = ['left', 'right', 'left', 'right', 'right', 'right', 'right'] as const;
  return {
    table: (title) => formatTable(title, [header, ...cells], columns),
    ours: new Map(all.map((each) => [each.name, each])),
    beside: hasOther
      ? [
          aim(`php -r 1, in those of ${OTHER} with the same extensions`, {
            value: median(ended) / median(otherEnded),
            unit: '×',
          }),
          aim('its peak memory', { value: median(peak) / median(otherPeak), unit: '×' }),
        ]
      : [],
  };
}

/** `(8.9–9.6)`: half of the figures are between them, in milliseconds. */
function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): string =>
    ((sorted[Math.floor((sorted.length - 1) * part)] ?? NaN) / 1000).toFixed(2);
  return `(${at(0.25)}–${at(0.75)})`;
}

function startAims(ours: ReadonlyMap<string, Measured>): readonly Row[] {
  const figure = (name: string, what: 'firstNext' | 'faults' | 'pss'): number =>
    median(ours.get(name)?.[what] ?? []);
  return [
    aim('exec to the first /next, PIE', { value: figure(OURS, 'firstNext') / 1000, most: 6.5, unit: 'ms' }),
    aim('the same, start: fastest', { value: figure(FASTEST, 'firstNext') / 1000, most: 5.2, unit: 'ms' }),
    aim('memory at the first /next (PSS)', { value: figure(OURS, 'pss') / 1024, most: 12, unit: 'MiB' }),
    aim('minor faults to the first /next', { value: figure(OURS, 'faults'), most: 1300, unit: '' }),
  ];
}

async function zipRows(
  { folder }: BenchContext,
  { ours, before }: { readonly ours: readonly TreeEntry[]; readonly before: readonly TreeEntry[] },
): Promise<readonly Row[]> {
  const path = join(folder, 'speed.zip');
  const sizeOf = async (entries: readonly TreeEntry[]): Promise<number> => {
    await writeZip(path, entries);
    return (await stat(path)).size / 1e6;
  };
  return [
    aim('layer zip', { value: await sizeOf(ours), most: 8.4, unit: 'MB' }),
    aim(`layer zip ${BEFORE}`, { value: await sizeOf(before), unit: 'MB' }),
  ];
}

async function warmRows(container: MeasuringContainer, runs: number): Promise<readonly Row[]> {
  const commands = { [OURS]: ['/opt/bootstrap'], [FLOOR]: [LOOPBACK_API, 'client'] };
  const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < runs; round++) {
    for (const [name, command] of Object.entries(commands)) {
      const { cycleUs } = await container.measure({ command, events: 'hello', count: WARM_EVENTS });
      times.get(name)?.push(cycleUs?.p50 ?? NaN);
    }
  }
  const value = median(times.get(OURS) ?? []) / median(times.get(FLOOR) ?? []);
  return [aim('warm invocation, in those of a C client', { value, most: 1.1, unit: '×' })];
}

/** Compares the processor time of each script, and the geometric mean of the ratios. */
async function mixedRows(
  container: MeasuringContainer,
  { hasOther, runs }: { readonly hasOther: boolean; readonly runs: number },
): Promise<readonly Row[]> {
  const [ours, before, fastest] = [OURS, BEFORE, FASTEST].map((name) => ({
    name,
    command: [
      `/opt/${pathOf(VARIANTS.findIndex((each) => each.name === name))}`,
      '-d',
      'opcache.enable_cli=0',
    ],
    env: {},
  }));
  if (ours === undefined || before === undefined || fastest === undefined) throw new RangeError('no variant');
  const programs = [ours, before, fastest, ...(hasOther ? [{ name: OTHER, ...OTHER_PHP }] : [])];
  const ratios = new Map<string, number[]>();
  const worst = new Map<string, { script: string; ratio: number }>();
  for (const script of MIXED) {
    const times = new Map<string, number[]>(programs.map(({ name }) => [name, []]));
    const able = programs.filter(({ name }) => name !== OTHER || script !== NOT_FOR_OTHER);
    for (let round = 0; round < runs; round++) {
      for (const { name, command, env } of able) {
        const job = { command: [...command, '/var/task/mixed/run.php', script, MIXED_ROUNDS], env };
        const { userUs, systemUs, exitCode } = await container.measure({ ...job, events: 'none', count: 0 });
        if (exitCode !== 0) throw new Error(`${name} failed at ${script}`);
        times.get(name)?.push(userUs + systemUs);
      }
    }
    const own = median(times.get(OURS) ?? []);
    for (const { name } of able) {
      if (name === OURS) continue;
      const ratio = own / median(times.get(name) ?? []);
      ratios.set(name, [...(ratios.get(name) ?? []), ratio]);
      if (ratio > (worst.get(name)?.ratio ?? 0)) worst.set(name, { script, ratio });
    }
  }
  return [...ratios].map(([name, values]) => {
    const mean = Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
    const { script = '', ratio = NaN } = worst.get(name) ?? {};
    return {
      ...aim(`CPU of mixed scripts, in that of ${name}`, {
        value: mean,
        unit: '×',
        ...(name === OTHER ? { most: 0.92 } : {}),
      }),
      value: `${mean.toFixed(3)} × (most: ${script}, ${ratio.toFixed(2)})`,
    };
  });
}

function aim(
  what: string,
  { value, most, unit }: { readonly value: number; readonly most?: number; readonly unit: string },
): Row {
  const text = `${value.toFixed(unit === '' ? 0 : 2)} ${unit}`.trimEnd();
  return most === undefined
    ? { what, value: text }
    : { what, value: text, aim: `at most ${most} ${unit}`.trimEnd(), met: value <= most };
}

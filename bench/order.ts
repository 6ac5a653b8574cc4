/**
 * `make order`: runs a PHP under valgrind, and writes which sections of its program a start, events and requests touch first, to
 * recipes/php-lambda/LINE/sections.order. LINE is the line of PHP (default: 8.4).
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../src/core/atomic-file.js';
import { artifactFile } from '../src/tree/artifact-file.js';
import { byPath, fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';
import { openBenchContext } from './bench-context.js';
import { functionTree } from './function-files.js';
import { MIXED, mixedFiles } from './mixed.js';
import { openMeasuringContainer, programOf, TOOLS, type Job } from './measuring-container.js';

/** Where Debian's package valgrind has its tools. */
const VALGRIND = '/usr/libexec/valgrind';
const LACKEY = 'lackey-amd64-linux';
const PRELOADED = 'vgpreload_core-amd64-linux.so';

const FILES = ['src/hello.php', 'src/varied.php', 'public/index.php', 'public/worker.php', 'public/page.php'];

/** What is run: first what every function does, then what fewer do. */
const JOBS: readonly Pick<Job, 'command' | 'env' | 'events' | 'count'>[] = [
  { command: ['/opt/bootstrap'], env: { _HANDLER: 'hello' }, events: 'hello', count: 3 },
  { command: ['/opt/bootstrap'], env: { _HANDLER: 'varied' }, events: 'varied', count: 9 },
  ...[
    { LAYERSMITH_MODE: 'web', _HANDLER: 'public/index.php' },
    { LAYERSMITH_MODE: 'worker', _HANDLER: 'public/worker.php' },
  ].map((env) => ({ command: ['/opt/bootstrap'], env, events: 'page', count: 3 }) as const),
  ...MIXED.map(
    (name) =>
      ({
        command: ['/opt/bin/php', '/var/task/mixed/run.php', name, '2'],
        events: 'none',
        count: 0,
      }) as const,
  ),
];

/** Sections without a name of their own: many objects have them. */
const COMMON =
  /^\.(text(\.(unlikely|startup|hot|exit))?|rodata(\.(str|cst)[\d.]+)?|data(\.rel(\.ro)?(\.local)?)?|bss)$/;
const ORDERED = /^\.(text|rodata|data|bss)\.[\w.$]+$/;
const END_OF_LOG = 'all sections were printed';

/** An input section of a program. */
interface Section {
  readonly address: number;
  readonly size: number;
  readonly name: string;
}

const root = process.cwd();
const line = process.env['LINE'] || '8.4';
await using bench = await openBenchContext({
  root,
  report: (text) => process.stderr.write(text),
  signal: new AbortController().signal,
});
// At a fixed address the loader touches nothing to relocate it, and the addresses are those of the linker's map.
await using layer = await bench.compose(`php/${line}`, [], 'fastest');
const program = layer.artifacts.get('php-lambda');
const map = program && (await artifactFile(program.path, 'share/php-lambda/sections'));
if (map === undefined) throw new Error('the stage php-lambda has no list of sections');
const sections = parseSections(map.toString());
const names = namesOf(await touchedAddresses(layer.entries), sections);
const folder = join(root, 'recipes', 'php-lambda', line);
await mkdir(folder, { recursive: true });
const head = `# Written by \`make order LINE=${line}\`: the sections that a start and an invocation touch, in the order in which they do.\n`;
await writeFileAtomically(join(folder, 'sections.order'), head + names.map((name) => `${name}\n`).join(''));
process.stdout.write(`${names.length} of ${sections.length} sections\n`);

/** Runs all jobs under valgrind and returns the addresses that they touch, in their order. */
async function touchedAddresses(opt: readonly TreeEntry[]): Promise<readonly number[]> {
  const addresses = new Set<number>();
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const tools = [
    ...(await Promise.all(
      [LACKEY, PRELOADED].map(async (name) => fileEntry(name, await readFile(join(VALGRIND, name)), 0o755)),
    )),
    fileEntry('first-touch', await programOf('first-touch', bench.build), 0o755),
  ];
  const task = [...(await functionTree(root, FILES)), ...(await mixedFiles(root))].sort(byPath);
  await using container = await openMeasuringContainer({ opt, task, tools }, bench.build, (text) => {
    const [, address] = /^touched ([0-9a-f]+)$/.exec(text) ?? [];
    if (address !== undefined) addresses.add(Number.parseInt(address, 16));
    if (text === END_OF_LOG) end();
  });
  for (const job of JOBS) {
    process.stderr.write(`${[...job.command, ...Object.values(job.env ?? {})].join(' ')}\n`);
    const env = { ...job.env, VALGRIND_LIB: TOOLS };
    const command = [`${TOOLS}/first-touch`, `${TOOLS}/${LACKEY}`, ...job.command];
    await container.measure({ ...job, command, env });
  }
  const command = ['/opt/bin/php', '-n', '-r', `fwrite(STDERR, '${END_OF_LOG}' . PHP_EOL);`];
  await container.measure({ command, events: 'none', count: 0 });
  await ended;
  return [...addresses];
}

/** Parses lines of address, size and name, which list_sections of recipes/php/program.sh writes. */
function parseSections(text: string): readonly Section[] {
  return text
    .split('\n')
    .filter((each) => each !== '')
    .map((each): Section => {
      const [address = '', size = '', name = ''] = each.split(' ');
      return { address: Number(address), size: Number(size), name };
    })
    .sort((a, b) => a.address - b.address);
}

/** Returns the names of the sections that have the addresses, in their order, each once. */
function namesOf(addresses: readonly number[], sorted: readonly Section[]): readonly string[] {
  const found = addresses.map((address) => sectionAt(address, sorted)?.name ?? '');
  return [...new Set(found)].filter((name) => ORDERED.test(name) && !COMMON.test(name));
}

function sectionAt(address: number, sorted: readonly Section[]): Section | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.address ?? Infinity) <= address) low = middle + 1;
    else high = middle;
  }
  const section = sorted[low - 1];
  return section !== undefined && address < section.address + section.size ? section : undefined;
}

import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { LayersmithError } from '../src/core/errors.js';
import { COSTS_FILE, readExtensionCosts, type BaseCosts } from '../src/cli/extension-costs.js';
import { size } from '../src/cli/words.js';
import { MANIFEST_PATH } from '../src/layer/manifest.js';
import { extensionsFor } from '../src/recipe/extensions-for.js';
import { loadRecipe, parseRecipeName } from '../src/recipe/recipe-library.js';
import { byPath, fileEntry, openContent, type TreeEntry } from '../src/tree/tree-entry.js';
import { writeZip } from '../src/tree/zip-writer.js';
import type { BenchContext } from './bench-context.js';
import { costsPage } from './extension-costs-page.js';
import { functionTree } from './function-files.js';
import { openMeasuringContainer, type Job, type MeasuringContainer } from './measuring-container.js';
import { formatTable, howBusy, median } from './report.js';

/** An extension whose layer was composed. */
interface Composed {
  readonly name: string;
  readonly version: string;
  readonly zipBytes: number;
  /** What it adds to the layer, without settings. */
  readonly files: readonly TreeEntry[];
  /** The settings that load it, and what it brings. */
  readonly settings: readonly TreeEntry[];
}

/** The folder of settings in a layer. */
const SETTINGS = 'etc/php/conf.d/';
/** A name that no extension has, for the settings of a layer without extensions. */
const NONE = '-';

/**
 * Measures what each extension adds to the zip and to the CPU time of a start. Writes `recipes/extension-costs.json` and
 * docs/extension-costs.md. Extensions that cannot be compiled, because their sources are out of reach, keep what was measured
 * earlier with the same version of the interpreter. `only` names the extensions to measure; default: all.
 */
export async function benchExtensions(
  bench: BenchContext,
  {
    root,
    recipe,
    runs,
    only,
  }: {
    readonly root: string;
    readonly recipe: string;
    readonly runs: number;
    readonly only: readonly string[] | undefined;
  },
): Promise<string> {
  const { library, platform, reporter } = bench.build;
  const base = await loadRecipe(library, parseRecipeName(recipe));
  // PHP-FPM (bench/web.ts) is no module of PHP.
  const choosable = (await extensionsFor(base, library)).choosable.filter(
    ({ extension }) => extension?.directive !== undefined,
  );
  const plain = await bench.layer(recipe);
  const plainBytes = await zipSize(plain, bench);
  const composed: Composed[] = [];
  for (const { package: name, version } of choosable) {
    if (only?.includes(name) === false) continue;
    try {
      await using tree = await bench.compose(recipe, [name]);
      const zipBytes = (await zipSize(tree.entries, bench)) - plainBytes;
      composed.push({ name, version, zipBytes, ...(await addedBy(tree.entries, plain)) });
    } catch (error) {
      if (!(error instanceof LayersmithError) || bench.build.signal.aborted) throw error;
      reporter.warn(`${name} is not measured: ${error.message}`);
    }
  }
  const busy = howBusy();
  const starts = await measureStarts(bench, { root, plain, composed, runs });
  const measured: BaseCosts = {
    version: base.version,
    platform: platform.name,
    architecture: platform.architecture,
    zipBytes: plainBytes,
    extensions: Object.fromEntries(
      composed.map(({ name, version, zipBytes }) => [
        name,
        { version, zipBytes, start: Number((starts.get(name) ?? NaN).toFixed(2)) },
      ]),
    ),
  };
  await record(root, { base: base.name, measured, names: choosable.map((each) => each.package) });
  return formatTable(
    `extensions of ${base.name} ${base.version}: bytes in the zip, CPU time of a start in times of one without; medians of ${runs}; ${busy}`,
    Object.entries(measured.extensions).map(([name, { version, zipBytes, start }]) => [
      name,
      version,
      `+${size(zipBytes)}`,
      `${start.toFixed(2)} ×`,
    ]),
    ['left', 'left', 'right', 'right'],
  );
}

async function zipSize(entries: readonly TreeEntry[], { folder }: BenchContext): Promise<number> {
  const path = join(folder, 'layer.zip');
  await writeZip(path, entries);
  const { size: bytes } = await stat(path);
  await rm(path);
  return bytes;
}

/** Reads what a layer has more than the one without extensions. */
async function addedBy(
  entries: readonly TreeEntry[],
  plain: readonly TreeEntry[],
): Promise<Pick<Composed, 'files' | 'settings'>> {
  const known = new Set([MANIFEST_PATH, ...plain.map(({ path }) => path)]);
  const added = await Promise.all(
    entries
      .filter(({ path }) => !known.has(path))
      .map(async (entry) =>
        entry.type === 'file' ? fileEntry(entry.path, await buffer(openContent(entry)), entry.mode) : entry,
      ),
  );
  const isSetting = ({ path }: TreeEntry): boolean => path.startsWith(SETTINGS);
  return { files: added.filter((entry) => !isSetting(entry)), settings: added.filter(isSetting) };
}

/**
 * Measures starts, one after the other, round after round, in one container whose layer has the files of all extensions. Which of
 * them are loaded is decided by the folder of settings, one for each.
 */
async function measureStarts(
  bench: BenchContext,
  {
    root,
    plain,
    composed,
    runs,
  }: {
    readonly root: string;
    readonly plain: readonly TreeEntry[];
    readonly composed: readonly Composed[];
    readonly runs: number;
  },
): Promise<ReadonlyMap<string, number>> {
  const all = new Map(
    [...composed.flatMap(({ files }) => files), ...plain].map((entry) => [entry.path, entry]),
  );
  const handler = await functionTree(root, ['src/hello.php']);
  const settings = composed.flatMap((each) =>
    each.settings.map((entry) => ({ ...entry, path: `${each.name}/${entry.path.slice(SETTINGS.length)}` })),
  );
  await using container = await openMeasuringContainer(
    {
      opt: [...all.values()].filter(({ path }) => !path.startsWith(SETTINGS)).sort(byPath),
      task: [...handler, ...settings, fileEntry(`${NONE}/none.ini`, '')].sort(byPath),
    },
    bench.build,
  );
  for (const { name } of composed) await checkLoaded(container, name);
  const times = new Map<string, number[]>(composed.map(({ name }) => [name, []]));
  for (let run = 0; run < runs; run++) {
    const without = await cpuOfStart(container, NONE);
    for (const [name, ratios] of times) ratios.push((await cpuOfStart(container, name)) / without);
  }
  return new Map([...times].map(([name, ratios]) => [name, median(ratios)]));
}

async function cpuOfStart(container: MeasuringContainer, name: string): Promise<number> {
  const job: Job = { command: ['/opt/bootstrap'], env: settingsOf(name), events: 'hello', count: 0 };
  const { userUs, systemUs } = await container.measure(job);
  return userUs + systemUs;
}

/** Throws an Error if PHP does not load the extension: its start would cost nothing. */
async function checkLoaded(container: MeasuringContainer, name: string): Promise<void> {
  const code = `exit((int) !extension_loaded('${name}'));`;
  const command = ['/opt/bin/php', '-r', code];
  const { exitCode } = await container.measure({ command, env: settingsOf(name), events: 'none', count: 0 });
  if (exitCode !== 0) throw new Error(`PHP did not load ${name}`);
}

function settingsOf(name: string): Readonly<Record<string, string>> {
  return { PHP_INI_SCAN_DIR: `/var/task/${name}` };
}

/** Writes the data and the page. Other lines stay as they are. */
async function record(
  root: string,
  {
    base,
    measured,
    names,
  }: { readonly base: string; readonly measured: BaseCosts; readonly names: readonly string[] },
): Promise<void> {
  const costs = await readExtensionCosts(root);
  const before = costs[base];
  const isComparable =
    before?.version === measured.version &&
    before.platform === measured.platform &&
    before.architecture === measured.architecture;
  const extensions = { ...(isComparable ? before.extensions : {}), ...measured.extensions };
  const kept = Object.entries(extensions)
    .filter(([name]) => names.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const all = { ...costs, [base]: { ...measured, extensions: Object.fromEntries(kept) } };
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
  await writeFile(join(root, 'recipes', COSTS_FILE), `${JSON.stringify(sorted, undefined, 2)}\n`);
  await writeFile(join(root, 'docs', 'extension-costs.md'), costsPage(sorted));
}

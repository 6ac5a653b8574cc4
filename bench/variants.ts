import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { size } from '../src/cli/words.js';
import { loadRecipe, parseRecipeName } from '../src/recipe/recipe-library.js';
import type { TreeEntry } from '../src/tree/tree-entry.js';
import { writeZip } from '../src/tree/zip-writer.js';
import type { BenchContext } from './bench-context.js';
import { functionTree } from './function-files.js';
import { openMeasuringContainer, type Job, type Measurement } from './measuring-container.js';
import { formatTable, howBusy, median } from './report.js';

/** What is measured of a layer. */
interface Figures {
  readonly zipBytes: number;
  readonly bytes: number;
  readonly startMs: number;
  readonly peakKb: number;
}

/** Compares the layer of a recipe with that of each of its variants: sizes, and CPU time and memory of a start. */
export async function benchVariants(
  bench: BenchContext,
  { root, recipe, runs }: { readonly root: string; readonly recipe: string; readonly runs: number },
): Promise<string> {
  const { library } = bench.build;
  const base = await loadRecipe(library, parseRecipeName(recipe));
  const whole = await bench.layer(base.name);
  const reports: string[] = [];
  for (const variant of await library.variantsOf(base.package)) {
    const name = `${base.name}-${variant}`;
    const layers = [whole, await bench.layer(name)] as const;
    const busy = howBusy();
    const starts = await measureStarts(bench, { root, layers, runs });
    const row = async (title: string, index: 0 | 1): Promise<readonly string[]> =>
      cells(title, { ...(await sizes(layers[index], bench)), ...startOf(starts[index]) });
    reports.push(
      formatTable(
        `${name} ${base.version}: zip, unpacked, CPU time of a start, its peak memory; medians of ${runs}; ${busy}`,
        [await row(base.name, 0), await row(name, 1)],
        ['left', 'right', 'right', 'right', 'right'],
      ),
    );
  }
  return reports.join('\n');
}

function cells(title: string, { zipBytes, bytes, startMs, peakKb }: Figures): readonly string[] {
  return [
    title,
    size(zipBytes),
    size(bytes),
    `${startMs.toFixed(1)} ms`,
    `${(peakKb / 1024).toFixed(1)} MiB`,
  ];
}

async function sizes(
  layer: readonly TreeEntry[],
  { folder }: BenchContext,
): Promise<Pick<Figures, 'zipBytes' | 'bytes'>> {
  const path = join(folder, 'variant.zip');
  await writeZip(path, layer);
  const { size: zipBytes } = await stat(path);
  await rm(path);
  const bytes = layer.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.sizeBytes : 0), 0);
  return { zipBytes, bytes };
}

/** Measures starts of two layers in turn, each in a container of its own. */
async function measureStarts(
  { build }: BenchContext,
  {
    root,
    layers,
    runs,
  }: {
    readonly root: string;
    readonly layers: readonly [readonly TreeEntry[], readonly TreeEntry[]];
    readonly runs: number;
  },
): Promise<readonly [readonly Measurement[], readonly Measurement[]]> {
  const task = await functionTree(root, ['src/hello.php']);
  await using first = await openMeasuringContainer({ opt: layers[0], task }, build);
  await using second = await openMeasuringContainer({ opt: layers[1], task }, build);
  const start: Job = { command: ['/opt/bootstrap'], events: 'hello', count: 0 };
  const measured: [Measurement[], Measurement[]] = [[], []];
  for (let run = 0; run < runs; run++) {
    measured[0].push(await first.measure(start));
    measured[1].push(await second.measure(start));
  }
  return measured;
}

function startOf(measured: readonly Measurement[]): Pick<Figures, 'startMs' | 'peakKb'> {
  return {
    startMs: median(measured.map(({ userUs, systemUs }) => (userUs + systemUs) / 1000)),
    peakKb: median(measured.map(({ peakRssKb }) => peakRssKb)),
  };
}

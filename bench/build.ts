import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { planFor, type Plan } from '../src/recipe/plan.js';
import { openRecipeLibrary, parseRecipeName } from '../src/recipe/recipe-library.js';
import { releasesOfLayer } from '../src/recipe/release.js';
import { createSourceFetcher } from '../src/source/source-fetcher.js';
import { measured, type Run } from './measured.js';
import { formatReport, median } from './report.js';

/** Builds the same stages with bench/serial.sh in one container. Returns its duration in seconds. */
async function serialBuild(
  plan: Plan,
  { root, sourcesDir, work }: { root: string; sourcesDir: string; work: string },
): Promise<number> {
  const images = await measured('docker', [
    'images',
    '-q',
    '--filter',
    'label=io.layersmith.image=debian-toolchain',
  ]);
  const image = images.stdout.split('\n')[0] ?? '';
  const fetcher = createSourceFetcher({
    sourcesDir,
    tmpDir: work,
    offline: true,
    archives: [],
    report: () => undefined,
  });
  const bench = join(work, 'bench');
  await mkdir(bench);
  await cp(join(root, 'recipes', 'stage.sh'), join(bench, 'stage.sh'));
  await cp(join(root, 'bench', 'serial.sh'), join(bench, 'serial.sh'));
  const stages: string[] = [];
  for (const { recipe } of plan.stages) {
    const folder = join(bench, recipe.package);
    for (const [path, file] of recipe.buildFiles) await cp(file, join(folder, 'recipe', path));
    for (const source of recipe.sources) {
      const { file, path } = await fetcher.fetch(source, new AbortController().signal);
      await cp(path, join(folder, 'sources', source.name, file.name));
    }
    await mkdir(join(folder, 'sources'), { recursive: true });
    const patches = recipe.patches.map(({ source, path }) => `${source}/${path}`);
    await writeFile(join(folder, 'patches.list'), patches.join('\n'));
    const sources = recipe.sources.map(({ name }) => name).join(' ');
    stages.push(`${recipe.package} ${recipe.kind} ${recipe.version} ${sources}`);
  }
  const env = ['LAYERSMITH_ARCH=x86_64', 'SOURCE_DATE_EPOCH=1700000000'].flatMap((text) => ['-e', text]);
  const command = ['bash', '/bench/serial.sh', String(availableParallelism()), ...stages];
  const created = await measured('docker', ['create', '--network', 'none', ...env, image, ...command]);
  const id = created.stdout.trim();
  try {
    await measured('docker', ['cp', bench, `${id}:/bench`]);
    return (await measured('docker', ['start', '--attach', id])).seconds;
  } finally {
    await measured('docker', ['rm', '--force', '--volumes', id]);
  }
}

/**
 * Compares a cold build with the same stages in a plain shell script, measures a run with nothing to do and `verify`, and
 * layersmith's own peak memory.
 */
export async function benchBuild({
  root,
  recipe,
  runs,
}: {
  readonly root: string;
  readonly recipe: string;
  readonly runs: number;
}): Promise<string> {
  const cli = join(root, 'build', 'cli', 'main.js');
  const work = await mkdtemp(join(tmpdir(), 'layersmith-bench-'));
  try {
    const store = join(work, 'store');
    const common = [recipe, '--store', store, '--output', join(work, 'dist'), '--toolchain', 'debian'];
    process.stderr.write('set-up: images and sources, not measured\n');
    const otherStore = ['--store', join(work, 'other-store'), '--output', work, '--toolchain', 'debian'];
    await measured('node', [cli, 'build', 'lua/5.4', ...otherStore]);
    await measured('node', [cli, 'fetch', recipe, '--store', store]);
    const planning = [cli, 'plan', recipe, '--store', store, '--toolchain', 'debian'];
    const plan = await plannedBy(planning, { root, recipe });

    process.stderr.write(`cold build of ${recipe}\n`);
    const cold = await measured('node', [cli, 'build', ...common]);
    process.stderr.write('nothing to do\n');
    const idle: Run[] = [];
    for (let run = 0; run < runs; run++) idle.push(await measured('node', [cli, 'build', ...common]));
    process.stderr.write('verify\n');
    const verify = await measured('node', [cli, 'verify', recipe, '--store', store, '--toolchain', 'debian']);
    process.stderr.write('the same stages in a plain shell script\n');
    const serial = await serialBuild(plan, { root, sourcesDir: join(store, 'sources'), work });

    const quiet = median(idle.map(({ seconds }) => seconds));
    const ratio = cold.seconds / serial;
    const memory = Math.max(cold.peakMb, ...idle.map(({ peakMb }) => peakMb));
    return formatReport(`build: ${recipe} on ${availableParallelism()} cores, ${plan.stages.length} stages`, [
      { what: 'cold build, zip and smoke tests', value: `${cold.seconds.toFixed(1)} s` },
      { what: 'the stages in a shell script', value: `${serial.toFixed(1)} s` },
      { what: 'their ratio', value: ratio.toFixed(2), aim: 'at most 1', met: ratio <= 1 },
      {
        what: `nothing to do, median of ${runs}`,
        value: `${quiet.toFixed(2)} s`,
        aim: 'under 1 s',
        met: quiet < 1,
      },
      { what: 'verify: twice from nothing', value: `${verify.seconds.toFixed(1)} s` },
      {
        what: 'in cold builds',
        value: (verify.seconds / cold.seconds).toFixed(2),
        aim: 'at most 2',
        met: verify.seconds <= 2 * cold.seconds,
      },
      {
        what: "orchestrator's peak memory",
        value: `${memory.toFixed(0)} MB`,
        aim: 'under 200 MB',
        met: memory < 200,
      },
    ]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Plans the recipe in the releases that the command line chooses. */
async function plannedBy(
  command: readonly string[],
  { root, recipe }: { readonly root: string; readonly recipe: string },
): Promise<Plan> {
  const { stdout } = await measured('node', [...command, '--json']);
  const { stages } = JSON.parse(stdout) as { stages: { stage: string; version: string }[] };
  const library = await openRecipeLibrary([join(root, 'recipes')]);
  const releases = releasesOfLayer(stages.map(({ stage, version }) => ({ recipe: stage, version })));
  return planFor(parseRecipeName(recipe), library.choosing(releases));
}

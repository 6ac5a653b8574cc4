import { homedir, tmpdir } from 'node:os';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Io } from '../src/cli/io.js';
import { openBuild } from '../src/cli/build-session.js';
import { plainReporter } from '../src/cli/plain-reporter.js';
import { openReleases } from '../src/cli/release-session.js';
import type { Tree } from '../src/tree/tree.js';
import type { TreeEntry } from '../src/tree/tree-entry.js';
import { assembleLayerTree } from '../src/layer/layer-tree.js';
import type { BuildContext } from '../src/pipeline/build/build-context.js';
import { buildPlan } from '../src/pipeline/build/build-stages.js';
import { manifestOf } from '../src/pipeline/build/layer-manifest.js';
import { NO_SETTINGS } from '../src/layer/layer-settings.js';
import { generatedFiles } from '../src/pipeline/build/layer-parts.js';
import { layerStages, planFor } from '../src/recipe/plan.js';
import { parseRecipeName } from '../src/recipe/recipe-library.js';
import type { Start } from '../src/recipe/recipe-schema.js';
import type { StoredItem } from '../src/store/store.js';

/** The tree of a layer. */
export interface ComposedLayer extends Tree {
  /** The artifacts of its stages, by package. */
  readonly artifacts: ReadonlyMap<string, StoredItem>;
}

/** A build context for measurements, with the recipes of bench/ and the built-in ones. */
export interface BenchContext extends AsyncDisposable {
  readonly build: BuildContext;
  /** A temporary folder for unpacked files. */
  readonly folder: string;
  /** The files of a recipe's layer, below `/opt`. Compiles the interpreter if the store does not have it. */
  layer(recipe: string): Promise<readonly TreeEntry[]>;
  /** The same with extensions, and with another way to start. Disposing of the tree removes its temporary files. */
  compose(recipe: string, extensions: readonly string[], start?: Start): Promise<ComposedLayer>;
}

/**
 * Opens the user's store and this machine's engine, with the embedded toolchain. `root` is the checkout. Throws the
 * errors of a build. Leaving its scope removes the temporary folder; artifacts stay in the store.
 */
export async function openBenchContext({
  root,
  recipes = [],
  report,
  signal,
}: {
  readonly root: string;
  /** Folders whose files replace those of the recipes. */
  readonly recipes?: readonly string[];
  /** Receives progress, in lines. */
  readonly report: (text: string) => void;
  readonly signal: AbortSignal;
}): Promise<BenchContext> {
  const io = ioOf({ root, report, signal });
  const reporter = plainReporter({ print: io.err, now: io.now });
  const args = {
    recipes: [...recipes, join(root, 'bench', 'recipes')],
    store: undefined,
    platform: 'provided.al2023',
    arch: 'x86_64',
    toolchain: 'debian',
    registry: undefined,
    jobs: undefined,
    memory: undefined,
    keepContainer: false,
    sources: undefined,
    offline: false,
  } as const;
  const library = await openReleases(io, args, { reporter });
  const build = await openBuild(io, args, { library, reporter });
  const folder = await mkdtemp(join(tmpdir(), 'layersmith-bench-'));
  const compose: BenchContext['compose'] = async (recipe, extensions, start) => {
    const chosen = extensions.map((name) => ({ ...parseRecipeName(name), position: undefined }));
    const chosenStart = start && { start, position: undefined };
    const plan = await planFor(parseRecipeName(recipe), library, chosen, chosenStart);
    const { resolved, results, artifacts } = await buildPlan(plan, build);
    const paths = artifacts.map(({ path }) => path);
    const tree = await assembleLayerTree({
      parts: layerStages(plan).map((stage, index) => ({
        recipe: stage.recipe,
        artifact: paths[index] ?? '',
      })),
      generated: await generatedFiles(plan, { settings: NO_SETTINGS, packageRoot: build.packageRoot }),
      added: NO_SETTINGS.files,
      manifest: await manifestOf(resolved, { results, settings: NO_SETTINGS, target: build }),
      tmpDir: folder,
    });
    const stages = layerStages(plan).flatMap(({ recipe: { package: name } }, index) => {
      const artifact = artifacts[index];
      return artifact === undefined ? [] : [[name, artifact] as const];
    });
    return { ...tree, artifacts: new Map(stages) };
  };
  return {
    build,
    folder,
    compose,
    // Its files are removed with the temporary folder.
    layer: async (recipe) => (await compose(recipe, [])).entries,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function ioOf({
  root,
  report,
  signal,
}: {
  readonly root: string;
  readonly report: (text: string) => void;
  readonly signal: AbortSignal;
}): Io {
  return {
    env: process.env,
    homeDir: homedir(),
    cwd: root,
    tmpDir: tmpdir(),
    isRoot: process.getuid?.() === 0,
    os: process.platform,
    out: report,
    err: report,
    outBytes: () => Promise.resolve(),
    outIsTerminal: false,
    stdin: () => Readable.from([]),
    terminal: undefined,
    now: Date.now,
    packageRoot: root,
    signal,
  };
}

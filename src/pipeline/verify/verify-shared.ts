import { IntegrityError, InternalError, UsageError } from '../../core/errors.js';
import type { Plan, PlannedStage } from '../../recipe/plan.js';
import type { ArtifactRecord, ArtifactStore } from '../../store/artifact-store.js';
import type { BuildContext } from '../build/build-context.js';
import { buildPlan, resolveIn } from '../build/build-stages.js';
import type { PlannedLayer } from '../build/planned-layer.js';
import type { ResolvedStage } from '../build/resolve-plan.js';
import { recallResult } from '../build/stage-results.js';
import { openScratchBuild } from './scratch-build.js';
import { compareArtifacts, variationOf, type Verified } from './verify-recipes.js';

/**
 * Compiles a sample of the stages that a shared store has, under changed conditions (`Variation`), and compares their artifacts with those of the
 * store. What a stage needs comes from the store. Throws UsageError if the store has none of the stages.
 */
export async function verifyShared(
  layers: readonly PlannedLayer[],
  {
    context,
    shared,
    percent,
    random,
  }: {
    readonly context: BuildContext;
    readonly shared: ArtifactStore;
    /** How many of the stages are compiled, at least one. */
    readonly percent: number;
    /** Returns a number from 0 to 1, without 1. */
    readonly random: () => number;
  },
): Promise<readonly Verified[]> {
  const candidates = new Map<string, SharedStage>();
  for (const { plan } of layers) {
    for (const resolved of (await resolveIn(plan, context)).stages) {
      const record = await shared.find('stages', resolved.inputKey, context.signal);
      if (record !== undefined) candidates.set(resolved.inputKey, { resolved, record });
    }
  }
  if (candidates.size === 0) {
    throw new UsageError(`${shared.name} has none of the stages`, {
      hint: 'Share them with `layersmith build --share`, or name other layers.',
    });
  }
  const count = Math.ceil((candidates.size * percent) / 100);
  const results: Verified[] = [];
  for (const stage of sampleOf([...candidates.values()], count, random))
    results.push(await verifyStage(stage, context));
  return results;
}

interface SharedStage {
  readonly resolved: ResolvedStage;
  readonly record: ArtifactRecord;
}

function sampleOf<T>(all: readonly T[], count: number, random: () => number): readonly T[] {
  const left = [...all];
  return Array.from({ length: count }, () => left.splice(Math.floor(random() * left.length), 1)).flat();
}

async function verifyStage({ resolved, record }: SharedStage, context: BuildContext): Promise<Verified> {
  const { stage, inputKey } = resolved;
  const { store } = context;
  for (const need of stage.closure) await buildPlan(planOf(need), context);
  const known = await recallResult(store, inputKey);
  if (known === undefined || known.artifact !== record.sha256) {
    // The folder has another result than the shared store.
    throw new IntegrityError(
      `${stage.recipe.name} has another artifact in ${store.root} than in the shared store`,
      {
        details: { 'in the folder': known?.artifact ?? 'none', 'in the shared store': record.sha256 },
        hint: 'Run the command again with --store NEW, a folder that does not exist.',
      },
    );
  }
  await using scratch = await openScratchBuild(context, {
    name: 'again',
    variation: await variationOf(context),
    base: { store, without: new Set([inputKey, known.contentKey]) },
  });
  await scratch.build(planOf(stage));
  const again = await scratch.artifact(resolved);
  if (again === undefined) throw new InternalError(`${stage.recipe.name} was not built`);
  const sums = { name: stage.recipe.name, first: record.sha256, second: again.sha256 };
  if (sums.first === sums.second) return { ...sums, differences: [] };
  const { tmpDir } = store;
  // To be looked at, not to be used.
  const item = await store.find('artifacts', known.contentKey, { checkForeign: () => Promise.resolve() });
  const differences =
    item === undefined ? [] : await compareArtifacts({ first: item.path, second: again.path, tmpDir });
  return { ...sums, differences };
}

function planOf(root: PlannedStage): Plan {
  return { root, extensions: [], start: undefined, stages: [...root.closure, root] };
}

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InternalError, LayersmithError } from '../../core/errors.js';
import { writingTo } from '../../core/file-system.js';
import type { Plan, PlannedStage } from '../../recipe/plan.js';
import { JobPool } from '../../stage/job-pool.js';
import { runStage } from '../../stage/run-stage.js';
import type { StoredItem } from '../../store/store.js';
import type { BuildContext } from './build-context.js';
import { fetchAll } from './fetch-plan.js';
import { keyPlan, type KeyedStage } from './keyed-plan.js';

/** The plan's stages with their final keys, and the artifact of its root. */
export interface BuiltPlan {
  readonly stages: readonly KeyedStage[];
  readonly artifact: StoredItem;
}

/** The keys of a plan in a run's context. */
export function keysOf(plan: Plan, context: BuildContext): Promise<readonly KeyedStage[]> {
  return keyPlan(plan, {
    fetcher: context.fetcher,
    platform: context.platform,
    toolchainDigest: context.toolchain.toolchain.digest,
    protocolPath: context.library.protocolPath,
    signal: context.signal,
  });
}

/**
 * Makes sure that the artifact of the plan's root is in the store, compiling what is missing: stages whose
 * needs are met run side by side, the make jobs shared between them. The first failure stops the rest and
 * is thrown.
 */
export async function buildPlan(plan: Plan, context: BuildContext): Promise<BuiltPlan> {
  let stages = await keysOf(plan, context);
  let missing = await findMissing(stages, context);
  if (missing.toBuild.length > 0) {
    await fetchSources(missing.toBuild, context);
    // The alternatives that were fetched decide the keys, and other keys may be in the store.
    stages = await keysOf(plan, context);
    missing = await findMissing(stages, context);
  }
  const { artifacts, toBuild } = missing;
  for (const { recipe } of artifacts.keys())
    context.reporter.stage(recipe.name, undefined).finished('reused');
  await schedule(toBuild, { artifacts, context });
  const artifact = artifacts.get(plan.root);
  if (artifact === undefined) throw new RangeError(`the plan of ${plan.root.recipe.name} built no root`);
  return { stages, artifact };
}

type Artifacts = Map<PlannedStage, StoredItem>;

/** What must be compiled, and the artifacts that are there. Below a stage that is there nothing is needed. */
async function findMissing(
  stages: readonly KeyedStage[],
  { store }: BuildContext,
): Promise<{ readonly artifacts: Artifacts; readonly toBuild: readonly KeyedStage[] }> {
  const artifacts: Artifacts = new Map();
  const toBuild: KeyedStage[] = [];
  const root = stages.at(-1)?.stage;
  const wanted = new Set(root === undefined ? [] : [root]);
  // From the root down: a stage comes after all that it needs.
  for (const keyed of [...stages].reverse()) {
    if (!wanted.has(keyed.stage)) continue;
    const item = await store.find('artifacts', keyed.key);
    if (item !== undefined) {
      artifacts.set(keyed.stage, item);
      continue;
    }
    toBuild.unshift(keyed);
    for (const need of keyed.stage.closure) wanted.add(need);
  }
  return { artifacts, toBuild };
}

async function fetchSources(stages: readonly KeyedStage[], { fetcher, signal }: BuildContext): Promise<void> {
  const wanted = stages.flatMap(({ stage, sources }) =>
    sources
      .filter(({ path }) => path === undefined)
      .map(({ source }) => ({ recipe: stage.recipe.name, source })),
  );
  await fetchAll(wanted, { fetcher, signal });
}

interface Work {
  readonly artifacts: Artifacts;
  readonly context: BuildContext;
}

async function schedule(toBuild: readonly KeyedStage[], { artifacts, context }: Work): Promise<void> {
  const pool = new JobPool(context.jobs);
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const lengths = await pathLengths(toBuild, context);
  let waiting = [...toBuild].sort((a, b) => (lengths.get(b.stage) ?? 0) - (lengths.get(a.stage) ?? 0));
  const running = new Set<Promise<void>>();

  while (!signal.aborted && (waiting.length > 0 || running.size > 0)) {
    const ready = waiting.filter(({ stage }) => stage.closure.every((need) => artifacts.has(need)));
    const startable = ready.slice(0, pool.free);
    startable.forEach((keyed, index) => {
      const lease = pool.lease(startable.length - index);
      const work = compileOne(keyed, { lease, artifacts, context: { ...context, signal } })
        .then((item) => {
          artifacts.set(keyed.stage, item);
        })
        .catch((error: unknown) => {
          failed.abort(error);
        })
        .finally(() => {
          lease.release();
          running.delete(work);
        });
      running.add(work);
    });
    waiting = waiting.filter((keyed) => !startable.includes(keyed));
    if (running.size === 0) throw new InternalError('no stage of the plan can start');
    pool.spread();
    await Promise.race(running);
  }
  // A failing stage stops the others: each removes its container before this returns.
  await Promise.all(running);
  context.signal.throwIfAborted();
  failed.signal.throwIfAborted();
}

const UNKNOWN_SECONDS = 30;

/** Seconds from the start of each stage to the end of the root, as far as the last runs tell: longest first. */
async function pathLengths(
  stages: readonly KeyedStage[],
  { store }: BuildContext,
): Promise<ReadonlyMap<PlannedStage, number>> {
  const lengths = new Map<PlannedStage, number>();
  for (const { stage } of [...stages].reverse()) {
    const above = stages
      .filter((other) => other.stage.needs.includes(stage))
      .map((other) => lengths.get(other.stage) ?? 0);
    const own = (await store.lastSeconds(stage.recipe.name)) ?? UNKNOWN_SECONDS;
    lengths.set(stage, own + Math.max(0, ...above));
  }
  return lengths;
}

async function compileOne(
  keyed: KeyedStage,
  { lease, artifacts, context }: Work & { readonly lease: Parameters<typeof runStage>[0]['lease'] },
): Promise<StoredItem> {
  const { store, platform } = context;
  const { recipe, closure } = keyed.stage;
  const view = context.reporter.stage(recipe.name, await store.lastSeconds(recipe.name));
  const logFolder = join(store.logsDir, context.runName);
  const started = context.now();
  const seconds = (): number => (context.now() - started) / 1000;
  try {
    await writingTo(store.root, () => mkdir(logFolder, { recursive: true }));
    const sources = keyed.sources.map(({ source, file, path }) => {
      if (path === undefined) throw new RangeError(`source ${source.name} of ${recipe.name} was not fetched`);
      return [source.name, { file: file.file, path }] as const;
    });
    const item = await store.add('artifacts', { key: keyed.key, name: recipe.name, seconds }, (output) =>
      runStage(
        {
          engine: context.engine,
          recipe,
          platform,
          image: context.toolchain.toolchain.id,
          protocolPath: context.library.protocolPath,
          sources: new Map(sources),
          needs: closure.flatMap((need) => artifacts.get(need) ?? []),
          lease,
          labels: context.labels,
          memoryBytes: context.memoryBytes,
          variation: context.variation,
          logPath: join(logFolder, `${recipe.name.replaceAll('/', '-')}.log`),
          onLine: (line) => {
            view.doing(line);
          },
          keepContainer: context.keepContainer,
          onKept: (id) => {
            context.reporter.info(
              `kept the container ${id.slice(0, 12)} of ${recipe.name}; \`layersmith clean --containers\` removes it`,
            );
          },
          signal: context.signal,
        },
        output,
      ),
    );
    await store.rememberSeconds(recipe.name, item.seconds);
    view.finished('built');
    return item;
  } catch (error) {
    view.failed();
    // One that was stopped because of something else has no part in that.
    if (error instanceof LayersmithError && !context.signal.aborted) error.stages.push(recipe.name);
    throw error;
  }
}

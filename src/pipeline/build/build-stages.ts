import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sha256 } from '../../core/digest.js';
import { InternalError, LayersmithError } from '../../core/errors.js';
import { writingTo } from '../../core/file-system.js';
import type { Plan, PlannedStage } from '../../recipe/plan.js';
import { JobPool, type JobLease } from '../../stage/job-pool.js';
import { runStage } from '../../stage/run-stage.js';
import { contentKey } from '../../stage/stage-key.js';
import type { Store, StoredItem } from '../../store/store.js';
import type { BuildContext, BuildServices, BuildTarget } from './build-context.js';
import { checkForeignArtifact } from './check-foreign.js';
import { startFetching, type StageSources } from './fetch-stages.js';
import { readingStored } from './removed-entries.js';
import { resolvePlan, type ResolvedPlan, type ResolvedStage } from './resolve-plan.js';
import { shareStage } from './share.js';
import { recallResult, rememberResult, sourceFacts, type StageResult } from './stage-results.js';

/** A plan whose stages were built as far as its layer needs them. */
export interface BuiltPlan {
  readonly resolved: ResolvedPlan;
  /** The results of the stages that go into the layer: the root's, and those of the extensions. */
  readonly results: readonly StageResult[];
  /** Their artifacts, in the same order. */
  readonly artifacts: readonly StoredItem[];
}

/** Resolves a plan for a target. */
export function resolveIn(plan: Plan, target: BuildTarget): Promise<ResolvedPlan> {
  return resolvePlan(plan, {
    platform: target.platform,
    toolchainDigest: target.toolchain.buildImage.digest,
    protocolPath: target.library.protocolPath,
  });
}

/**
 * Ensures that the artifacts that go into the plan's layer are in the store, and compiles what is missing. Stages whose needs are met run
 * in parallel and share the make jobs. The first failure stops the others and is thrown.
 */
export async function buildPlan(plan: Plan, context: BuildContext): Promise<BuiltPlan> {
  const resolved = await resolveIn(plan, context);
  const { built, missing } = await findBuilt(resolved, context);
  for (const { recipe } of built.keys()) context.reporter.activity(recipe.name, undefined).finished('reused');
  if (missing.length > 0) await buildMissing(missing, { built, context });
  const parts = resolved.layer.map(({ stage }) => {
    const part = built.get(stage);
    if (part === undefined) throw new RangeError(`${stage.recipe.name} was not built`);
    return part;
  });
  return {
    resolved,
    results: parts.map(({ result }) => result),
    artifacts: parts.map(({ item }) => item),
  };
}

/** A stage whose artifact is in the store. */
interface BuiltStage {
  readonly item: StoredItem;
  readonly result: StageResult;
}

type BuiltStages = Map<PlannedStage, BuiltStage>;

type FindContext = Pick<BuildServices, 'store' | 'signal'>;

/** Finds an artifact. One that another machine made is checked as if it came out of a container. */
function findArtifact(
  { recipe: { name } }: PlannedStage,
  key: Sha256,
  { store, signal }: FindContext,
): Promise<StoredItem | undefined> {
  const { tmpDir } = store;
  return store.find('artifacts', key, {
    checkForeign: (path) => checkForeignArtifact(path, { name, tmpDir, signal }),
  });
}

/** Divides the stages into built and missing ones, by input key. Skips what only built stages need. */
async function findBuilt(
  { layer, stages }: ResolvedPlan,
  context: FindContext,
): Promise<{ readonly built: BuiltStages; readonly missing: readonly ResolvedStage[] }> {
  const built: BuiltStages = new Map();
  const missing: ResolvedStage[] = [];
  const wanted = new Set(layer.map(({ stage }) => stage));
  // Go from the end of the plan: a stage comes after everything that it needs.
  for (const resolved of [...stages].reverse()) {
    if (!wanted.has(resolved.stage)) continue;
    const result = await recallResult(context.store, resolved.inputKey);
    const item = result && (await findArtifact(resolved.stage, result.contentKey, context));
    if (item !== undefined && result !== undefined && item.sha256 === result.artifact) {
      built.set(resolved.stage, { item, result });
      continue;
    }
    missing.unshift(resolved);
    for (const need of resolved.stage.closure) wanted.add(need);
  }
  return { built, missing };
}

interface Work<Context = BuildContext> {
  readonly built: BuiltStages;
  readonly context: Context;
}

/** Builds stages that have no artifact under their input key. A stage with a known content key is only recorded. */
async function buildMissing(missing: readonly ResolvedStage[], work: Work): Promise<void> {
  const { built, context } = work;
  const toBuild: ResolvedStage[] = [];
  for (const resolved of missing) if (!(await reuse(resolved, work))) toBuild.push(resolved);
  await using fetching = startFetching(
    toBuild.map(({ stage }) => stage),
    context,
  );
  // Fetch the sources of stages that are certain to compile before anything starts: a missing source costs no build. A stage
  // with an artifact in the store may turn out unchanged once its needs are known.
  const stored = await context.store.names('artifacts');
  for (const { stage } of toBuild) {
    const isCertain = stage.closure.every((need) => built.has(need)) || !stored.has(stage.recipe.name);
    if (isCertain) await fetching.of(stage);
  }
  await schedule(toBuild, {
    ...work,
    build: async (resolved, { lease, signal }) => {
      const inner = { built, context: { ...context, signal } };
      if (await reuse(resolved, inner)) return;
      await compile(resolved, { ...inner, lease, sources: await fetching.of(resolved.stage) });
    },
  });
}

/** Finds a stage's artifact by its content key, if all its needs are present, and records it under its input key. */
async function reuse(
  resolved: ResolvedStage,
  { built, context }: Work<FindContext & Pick<BuildServices, 'reporter'>>,
): Promise<boolean> {
  const { stage } = resolved;
  if (built.has(stage)) return true;
  const needs = stage.closure.flatMap((need) => built.get(need) ?? []);
  if (needs.length < stage.closure.length) return false;
  const item = await findArtifact(stage, contentKeyOf(resolved, needs), context);
  if (item === undefined) return false;
  built.set(stage, { item, result: await note(resolved, { item, needs, store: context.store }) });
  context.reporter.activity(stage.recipe.name, undefined).finished('reused');
  return true;
}

function contentKeyOf({ digest }: ResolvedStage, needs: readonly BuiltStage[]): Sha256 {
  return contentKey(
    digest,
    needs.map(({ item }) => item.sha256),
  );
}

function note(
  resolved: ResolvedStage,
  {
    item,
    needs,
    store,
  }: { readonly item: StoredItem; readonly needs: readonly BuiltStage[]; readonly store: Store },
): Promise<StageResult> {
  const below = needs.map(({ result: { recipe, artifact, sources } }) => ({ recipe, artifact, sources }));
  return rememberResult(store, { resolved, item, below });
}

interface Scheduling extends Work<Pick<BuildContext, 'jobs' | 'store' | 'signal'>> {
  readonly build: (
    resolved: ResolvedStage,
    run: { readonly lease: JobLease; readonly signal: AbortSignal },
  ) => Promise<void>;
}

async function schedule(
  toBuild: readonly ResolvedStage[],
  { built, context, build }: Scheduling,
): Promise<void> {
  const pool = new JobPool(context.jobs);
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const lengths = await pathLengths(toBuild, context.store);
  let waiting = [...toBuild].sort((a, b) => (lengths.get(b.stage) ?? 0) - (lengths.get(a.stage) ?? 0));
  const running = new Set<Promise<void>>();

  while (!signal.aborted && (waiting.length > 0 || running.size > 0)) {
    const ready = waiting.filter(({ stage }) => stage.closure.every((need) => built.has(need)));
    const startable = ready.slice(0, pool.free);
    startable.forEach((resolved, index) => {
      const lease = pool.lease(startable.length - index);
      const work = build(resolved, { lease, signal })
        .catch((error: unknown) => {
          failed.abort(error);
        })
        .finally(() => {
          lease.release();
          running.delete(work);
        });
      running.add(work);
    });
    waiting = waiting.filter((resolved) => !startable.includes(resolved));
    if (running.size === 0) throw new InternalError('no stage of the plan can start');
    pool.spread();
    await Promise.race(running);
  }
  // A failing stage stops the others. Each removes its container before this resolves.
  await Promise.all(running);
  context.signal.throwIfAborted();
  failed.signal.throwIfAborted();
}

const UNKNOWN_SECONDS = 30;

/** Returns the seconds from the start of each stage to the end of the plan, by the durations of earlier runs. */
async function pathLengths(
  stages: readonly ResolvedStage[],
  store: Store,
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

interface Compiling extends Work {
  readonly lease: JobLease;
  readonly sources: StageSources;
}

async function compile(
  resolved: ResolvedStage,
  { built, context, lease, sources }: Compiling,
): Promise<void> {
  const { store, platform } = context;
  const { stage } = resolved;
  const { recipe } = stage;
  const needs = stage.closure.flatMap((need) => built.get(need) ?? []);
  const view = context.reporter.activity(recipe.name, await store.lastSeconds(recipe.name));
  const logFolder = join(store.logsDir, context.runName);
  const started = context.now();
  const seconds = (): number => (context.now() - started) / 1000;
  try {
    await writingTo(store.root, () => mkdir(logFolder, { recursive: true }));
    const facts = sourceFacts(
      Object.fromEntries([...sources].map(([name, { file }]) => [name, file.sha256])),
    );
    const item = await store.add(
      'artifacts',
      { key: contentKeyOf(resolved, needs), name: recipe.name, seconds, facts: () => facts },
      (output) =>
        readingStored(store, () =>
          runStage(
            {
              engine: context.engine,
              recipe,
              platform,
              image: context.toolchain.buildImage.id,
              protocolPath: context.library.protocolPath,
              sources: new Map(
                [...sources].map(([name, { file, path }]) => [name, { file: file.name, path }]),
              ),
              needs: needs.map(({ item: { path }, result: { recipe: name } }) => ({ name, path })),
              lease,
              labels: context.labels,
              memoryBytes: context.memoryBytes,
              limitMs: context.stageTimeoutMs,
              variation: context.variation,
              logPath: join(logFolder, `${recipe.name.replaceAll('/', '-')}.log`),
              onLine: (line) => {
                view.doing(line);
              },
              onWarning: context.reporter.warn,
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
        ),
    );
    await store.rememberSeconds(recipe.name, item.seconds);
    const result = await note(resolved, { item, needs, store });
    built.set(stage, { item, result });
    view.finished('built');
    const { sharing } = context;
    if (sharing !== undefined)
      await shareStage(resolved, { item, result, sources, context: { ...context, sharing } });
  } catch (error) {
    view.failed();
    // A stage that was stopped because another one failed is not part of that failure.
    if (error instanceof LayersmithError && !context.signal.aborted) error.stages.push(recipe.name);
    throw error;
  }
}

import type { Sha256 } from '../../core/digest.js';
import type { Platform } from '../../platform/platform.js';
import type { Plan, PlannedStage } from '../../recipe/plan.js';
import type { PinnedFile, Source } from '../../recipe/source.js';
import type { SourceFetcher } from '../../source/source-fetcher.js';
import { stageKey } from '../../stage/stage-key.js';

/** A stage with its key, under the source alternatives that are at hand. */
export interface KeyedStage {
  readonly stage: PlannedStage;
  readonly key: Sha256;
  readonly sources: readonly ChosenSource[];
}

export interface ChosenSource {
  readonly source: Source;
  /** The alternative that is at hand; the first one where none is. */
  readonly file: PinnedFile;
  /** Where it lies, when it is at hand. */
  readonly path: string | undefined;
}

/**
 * Computes the key of every stage. Which alternative of a source is used decides the key: the one at hand, or
 * the first where none is, so a key may change once its sources were fetched.
 */
export async function keyPlan(
  plan: Plan,
  options: {
    readonly fetcher: Pick<SourceFetcher, 'atHand'>;
    readonly platform: Platform;
    readonly toolchainDigest: string;
    readonly protocolPath: string;
    readonly signal: AbortSignal;
  },
): Promise<readonly KeyedStage[]> {
  const keys = new Map<PlannedStage, Sha256>();
  const keyed: KeyedStage[] = [];
  for (const stage of plan.stages) {
    const sources: ChosenSource[] = [];
    for (const source of stage.recipe.sources) sources.push(await choose(source, options));
    const key = await stageKey({
      recipe: stage.recipe,
      sources: Object.fromEntries(sources.map(({ source, file }) => [source.name, file.sha256])),
      needs: stage.closure.flatMap((need) => keys.get(need) ?? []),
      platform: options.platform,
      toolchainDigest: options.toolchainDigest,
      protocolPath: options.protocolPath,
    });
    keys.set(stage, key);
    keyed.push({ stage, key, sources });
  }
  return keyed;
}

async function choose(
  source: Source,
  { fetcher, signal }: { readonly fetcher: Pick<SourceFetcher, 'atHand'>; readonly signal: AbortSignal },
): Promise<ChosenSource> {
  for (const file of source.alternatives) {
    const path = await fetcher.atHand(file, signal);
    if (path !== undefined) return { source, file, path };
  }
  const [first] = source.alternatives;
  // The schema wants one alternative at least.
  if (first === undefined) throw new RangeError(`source ${source.name} has no alternatives`);
  return { source, file: first, path: undefined };
}

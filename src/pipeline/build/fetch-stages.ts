import type { PlannedStage } from '../../recipe/plan.js';
import type { FetchedSource, SourceFetcher } from '../../source/source-fetcher.js';

/** The sources of one stage by name, in the recipe's order. */
export type StageSources = ReadonlyMap<string, FetchedSource>;

/** Downloads in progress. Leaving its scope stops those that no stage waits for. */
export interface Fetching extends AsyncDisposable {
  /** Waits for a stage's sources. Throws the fetcher's error for the first source that is not available. */
  of(stage: PlannedStage): Promise<StageSources>;
}

/** Starts to fetch the sources of all stages in parallel. */
export function startFetching(
  stages: readonly PlannedStage[],
  { fetcher, signal }: { readonly fetcher: Pick<SourceFetcher, 'fetch'>; readonly signal: AbortSignal },
): Fetching {
  const stopped = new AbortController();
  const either = AbortSignal.any([signal, stopped.signal]);
  const fetchAll = async ({ recipe }: PlannedStage): Promise<StageSources> => {
    const fetched = await Promise.all(
      recipe.sources.map(async (source) => [source.name, await fetcher.fetch(source, either)] as const),
    );
    return new Map(fetched);
  };
  const running = new Map(stages.map((stage) => [stage, fetchAll(stage)]));
  // A failure matters only to a caller that waits for that stage.
  for (const sources of running.values()) sources.catch(() => undefined);
  return {
    async of(stage) {
      const sources = running.get(stage);
      if (sources === undefined) throw new RangeError(`the sources of ${stage.recipe.name} are not fetched`);
      return sources;
    },
    async [Symbol.asyncDispose]() {
      stopped.abort(new Error('the sources are no longer needed'));
      await Promise.allSettled(running.values());
    },
  };
}

import type { Sha256 } from '../../core/digest.js';
import type { Plan } from '../../recipe/plan.js';
import type { Source } from '../../recipe/source.js';
import type { SourceFetcher } from '../../source/source-fetcher.js';

/** One source that is now in the store. */
export interface FetchedFile {
  readonly recipe: string;
  readonly name: string;
  readonly file: string;
  readonly sha256: Sha256;
  readonly from: string;
}

/** Fetches every source of every stage of a plan, several at once. The first failure stops the rest. */
export async function fetchPlan(
  plan: Plan,
  options: { readonly fetcher: SourceFetcher; readonly signal: AbortSignal },
): Promise<readonly FetchedFile[]> {
  const wanted = plan.stages.flatMap(({ recipe }) =>
    recipe.sources.map((source) => ({ recipe: recipe.name, source })),
  );
  return fetchAll(wanted, options);
}

/** Fetches sources side by side; the first failure stops the rest and is thrown once they have stopped. */
export async function fetchAll(
  wanted: readonly { readonly recipe: string; readonly source: Source }[],
  { fetcher, signal }: { readonly fetcher: SourceFetcher; readonly signal: AbortSignal },
): Promise<readonly FetchedFile[]> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const results = await Promise.all(
    wanted.map(async ({ recipe, source }): Promise<FetchedFile | undefined> => {
      try {
        const { file, from } = await fetcher.fetch(source, both);
        return { recipe, name: source.name, file: file.file, sha256: file.sha256, from };
      } catch (error) {
        failed.abort(error);
        return undefined;
      }
    }),
  );
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return results.filter((result) => result !== undefined);
}

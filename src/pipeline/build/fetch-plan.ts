import type { Sha256 } from '../../core/digest.js';
import { inParallel } from '../../core/in-parallel.js';
import type { Plan } from '../../recipe/plan.js';
import type { Source } from '../../recipe/source.js';
import type { SourceFetcher } from '../../source/source-fetcher.js';

/** One source that is now in the store. */
export interface FetchedFile {
  readonly recipe: string;
  readonly name: string;
  readonly file: string;
  readonly sha256: Sha256;
  /** Where it is in the store. */
  readonly path: string;
  readonly from: string;
}

/** Fetches every source of every stage of some plans once, several at a time. The first failure stops the others. */
export async function fetchPlans(
  plans: readonly Plan[],
  options: { readonly fetcher: SourceFetcher; readonly signal: AbortSignal },
): Promise<readonly FetchedFile[]> {
  const wanted = plans.flatMap(({ stages }) =>
    stages.flatMap(({ recipe }) => recipe.sources.map((source) => ({ recipe: recipe.name, source }))),
  );
  // Stages that plans share have the same sources, and bundled extensions those of their interpreter.
  const first = new Map<string, (typeof wanted)[number]>();
  for (const each of wanted) {
    const key = each.source.alternatives.map(({ sha256 }) => sha256).join(' ');
    if (!first.has(key)) first.set(key, each);
  }
  return fetchAll([...first.values()], options);
}

/** Fetches sources in parallel. The first failure stops the others and is thrown once they have stopped. */
export async function fetchAll(
  wanted: readonly { readonly recipe: string; readonly source: Source }[],
  { fetcher, signal }: { readonly fetcher: SourceFetcher; readonly signal: AbortSignal },
): Promise<readonly FetchedFile[]> {
  const tasks = wanted.map(({ recipe, source }) => async (either: AbortSignal): Promise<FetchedFile> => {
    const { file, path, from } = await fetcher.fetch(source, either);
    return { recipe, name: source.name, file: file.name, sha256: file.sha256, path, from };
  });
  // The fetcher limits the number of parallel downloads.
  return inParallel(tasks, { parallel: Infinity, signal });
}

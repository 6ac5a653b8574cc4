import { z } from 'zod';
import { isSha256, type Sha256 } from '../../core/digest.js';
import type { Store, StoredItem } from '../../store/store.js';
import type { ResolvedStage } from './resolve-plan.js';

const sha256 = z.string().refine(isSha256);

const outcome = z.object({
  recipe: z.string(),
  /** The digest of the artifact's bytes. */
  artifact: sha256,
  /** The alternative of each source that was compiled, by name. */
  sources: z.record(z.string(), sha256),
});

const result = outcome.extend({
  contentKey: sha256,
  /** The outcomes of all stages below, each after its needs. */
  below: z.array(outcome),
});

/** The outcome of one stage: the digests of its artifact and its sources. */
export type StageOutcome = z.infer<typeof outcome>;

/** The outcome of a stage with a certain input key, and of all stages below it. */
export type StageResult = z.infer<typeof result>;

/** Returns the result that an earlier run recorded for a stage, whether or not its artifact is still in the store. */
export async function recallResult(
  store: Store,
  key: ResolvedStage['inputKey'],
): Promise<StageResult | undefined> {
  const parsed = result.safeParse(await store.recall(key));
  return parsed.success ? parsed.data : undefined;
}

/** Records the result of a stage, so that its artifact is found by its input key. */
export async function rememberResult(
  store: Store,
  {
    resolved,
    item,
    below,
  }: { readonly resolved: ResolvedStage; readonly item: StoredItem; readonly below: readonly StageOutcome[] },
): Promise<StageResult> {
  const noted: StageResult = {
    recipe: resolved.stage.recipe.name,
    artifact: item.sha256,
    sources: sourcesOf(item),
    contentKey: item.key,
    below: [...below],
  };
  await store.remember(resolved.inputKey, noted);
  return noted;
}

/** Returns the facts for an artifact's record: the sources from which it was compiled. */
export function sourceFacts(sources: Readonly<Record<string, Sha256>>): StoredItem['facts'] {
  return { sources: JSON.stringify(sources) };
}

function sourcesOf(item: StoredItem): StageOutcome['sources'] {
  return outcome.shape.sources.parse(JSON.parse(item.facts['sources'] ?? '{}'));
}

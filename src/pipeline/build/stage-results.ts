import { z } from 'zod';
import { isSha256, type Sha256 } from '../../core/digest.js';
import type { Store, StoredItem } from '../../store/store.js';
import type { ResolvedStage } from './resolve-plan.js';

const sha256 = z.string().refine(isSha256);

const outcome = z.object({
  recipe: z.string(),
  /** Of the artifact's bytes. */
  artifact: sha256,
  /** Of each source, by name, the alternative that was compiled. */
  sources: z.record(z.string(), sha256),
});

const result = outcome.extend({
  contentKey: sha256,
  /** The same of all stages below, needs before what needs them. */
  below: z.array(outcome),
});

/** What one stage came to. */
export type StageOutcome = z.infer<typeof outcome>;

/** What a stage with a certain input key came to, with all that was below it. */
export type StageResult = z.infer<typeof result>;

/** The result that an earlier run noted for a stage, whether or not its artifact is still in the store. */
export async function recallResult(
  store: Store,
  key: ResolvedStage['inputKey'],
): Promise<StageResult | undefined> {
  const parsed = result.safeParse(await store.recall(key));
  return parsed.success ? parsed.data : undefined;
}

/** Notes what a stage came to, so that its artifact is found by its input key. */
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

/** As a fact of an artifact's record: the sources that it was compiled from. */
export function sourceFacts(sources: Readonly<Record<string, Sha256>>): StoredItem['facts'] {
  return { sources: JSON.stringify(sources) };
}

function sourcesOf(item: StoredItem): StageOutcome['sources'] {
  return outcome.shape.sources.parse(JSON.parse(item.facts['sources'] ?? '{}'));
}

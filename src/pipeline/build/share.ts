import { RESULT_FACT } from '../../store/layered-store.js';
import type { SharedShelf } from '../../store/artifact-store.js';
import type { Sha256 } from '../../core/digest.js';
import type { StoredItem } from '../../store/store.js';
import type { BuildServices, Sharing } from './build-context.js';
import type { StageSources } from './fetch-stages.js';
import type { ResolvedPlan, ResolvedStage } from './resolve-plan.js';
import { recallResult, type StageResult } from './stage-results.js';

type Context = Pick<BuildServices, 'reporter' | 'signal'> & { readonly sharing: Sharing };

/** Shares the artifact of a stage, under both of its keys, and then the sources that it was compiled from. */
export async function shareStage(
  { inputKey }: Pick<ResolvedStage, 'inputKey'>,
  {
    item,
    result,
    sources,
    context,
  }: {
    readonly item: StoredItem;
    readonly result: StageResult;
    readonly sources?: StageSources;
    readonly context: Context;
  },
): Promise<void> {
  await share('artifacts', item, context);
  const facts = { ...item.facts, [RESULT_FACT]: JSON.stringify(result) };
  await share('stages', { ...item, key: inputKey, facts }, context);
  for (const { file, path } of sources?.values() ?? [])
    await context.sharing.shared.keepSource(file.sha256, path, context.signal);
}

/** Shares the stages of a plan that are in the folder: an earlier run may have compiled them without sharing. */
export async function shareStages({ stages }: ResolvedPlan, context: Context): Promise<void> {
  const { folder } = context.sharing;
  for (const resolved of stages) {
    const result = await recallResult(folder, resolved.inputKey);
    const item = result && (await folder.find('artifacts', result.contentKey));
    if (result !== undefined && item?.sha256 === result.artifact)
      await shareStage(resolved, { item, result, context });
  }
}

/** Shares a layer under both of its keys. */
export async function shareLayer(item: StoredItem, inputKey: Sha256, context: Context): Promise<void> {
  await share('layers', item, context);
  await share('layers', { ...item, key: inputKey }, context);
}

async function share(
  shelf: SharedShelf,
  item: StoredItem,
  { sharing: { shared }, reporter, signal }: Context,
): Promise<void> {
  const outcome = await shared.keep(shelf, item, signal);
  const where = `${shared.name} under ${shelf}/${item.key}`;
  switch (outcome.status) {
    case 'kept':
    case 'present':
    case 'unavailable':
      return;
    case 'untrusted':
      reporter.warn(
        `${item.name} cannot be shared: the record in ${where} is not signed by a trusted key; find out who wrote it, and delete it`,
      );
      return;
    case 'other':
      reporter.warn(
        `${item.name} has other bytes in ${where}, signed by ${outcome.trusted ? 'a trusted key' : 'nobody that is trusted'}: ` +
          `sha256 ${outcome.sha256} there, ${item.sha256} here. Either its build is not reproducible (see \`layersmith verify\`), or the store is poisoned`,
      );
  }
}

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processIdentity } from '../../core/process-identity.js';
import type { Manifest } from '../../layer/manifest.js';
import type { Plan } from '../../recipe/plan.js';
import type { PlannedLayer } from '../build/planned-layer.js';
import type { Variation } from '../../stage/variation.js';
import { openStore, type Store, type StoredItem } from '../../store/store.js';
import type { BuildContext } from '../build/build-context.js';
import { buildPlan, type BuiltPlan } from '../build/build-stages.js';
import { manifestOf } from '../build/layer-manifest.js';
import type { ResolvedStage } from '../build/resolve-plan.js';
import { recallResult } from '../build/stage-results.js';
import { writeLayerZip } from '../build/layer-zip.js';

/** A build from scratch: it uses nothing of the store but the sources. Leaving its scope removes it. */
export interface ScratchBuild extends AsyncDisposable {
  /** Compiles the stages that no earlier plan of this build has compiled. */
  build(plan: Plan): Promise<BuiltPlan>;
  /** Returns the artifact of a stage that was built. */
  artifact(stage: ResolvedStage): Promise<StoredItem | undefined>;
  /** Creates the layer of a plan that was built. Returns the path of its zip, which is not tested. */
  layer(
    layer: PlannedLayer,
    built: BuiltPlan,
  ): Promise<{ readonly path: string; readonly manifest: Manifest }>;
  /** Returns a path for a temporary file. */
  file(name: string): string;
}

/** Opens a build from scratch. `name` identifies it in progress lines and in the names of logs. */
export async function openScratchBuild(
  context: BuildContext,
  {
    name,
    variation,
    base,
  }: {
    readonly name: string;
    readonly variation: Variation | undefined;
    /** A store whose entries are used too, without those under some keys. */
    readonly base?: { readonly store: Store; readonly without: ReadonlySet<string> };
  },
): Promise<ScratchBuild> {
  const root = join(context.store.tmpDir, `${processIdentity()}-${randomUUID()}`);
  const { reporter, store } = context;
  const scratch = await openStore(root, reporter.warn);
  const inside: BuildContext = {
    ...context,
    // Logs and known durations are the run's own, so that they remain available afterwards.
    sharing: undefined,
    store: {
      ...scratch,
      ...(base && aboveOf(scratch, base)),
      logsDir: store.logsDir,
      lastSeconds: (stage) => store.lastSeconds(stage),
    },
    reporter: {
      ...reporter,
      activity: (stage, seconds) => reporter.activity(`${stage} (${name})`, seconds),
    },
    runName: `${context.runName}-${name}`,
    variation,
    // Another number of jobs changes the order of make's work.
    jobs: variation === undefined ? context.jobs : context.jobs + 1,
  };
  const file = (path: string): string => join(root, path);
  return {
    build: (plan) => buildPlan(plan, inside),
    async artifact({ inputKey }) {
      const result = await recallResult(scratch, inputKey);
      return result && scratch.find('artifacts', result.contentKey);
    },
    async layer({ plan, settings }, { resolved, results, artifacts }) {
      const path = file(`${randomUUID()}.zip`);
      const manifest = await manifestOf(resolved, { results, settings, target: inside });
      await writeLayerZip(path, { plan, settings, artifacts, manifest, context: inside });
      return { path, manifest };
    },
    file,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Looks for entries in a scratch store, and then in another one. */
function aboveOf(
  scratch: Store,
  { store, without }: { readonly store: Store; readonly without: ReadonlySet<string> },
): Pick<Store, 'find' | 'recall'> {
  return {
    async find(shelf, key, options) {
      return (
        (await scratch.find(shelf, key)) ?? (without.has(key) ? undefined : store.find(shelf, key, options))
      );
    },
    async recall(key) {
      return (await scratch.recall(key)) ?? (without.has(key) ? undefined : store.recall(key));
    },
  };
}

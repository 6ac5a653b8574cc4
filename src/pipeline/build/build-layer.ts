import { join } from 'node:path';
import { sha256OfFile, type Sha256 } from '../../core/digest.js';
import { copyFileAtomically } from '../../core/atomic-file.js';
import type { AuditReport } from '../../audit/audit-layer.js';
import { MAX_DIRECT_ZIP_BYTES } from '../../core/lambda-limits.js';
import { readLayerRecord, type BuiltRecord } from '../../layer/layer-record.js';
import type { Manifest } from '../../layer/manifest.js';
import type { Platform } from '../../platform/platform.js';
import type { Plan } from '../../recipe/plan.js';
import { checkForeignImage } from '../../sandbox/foreign-image.js';
import type { StoredItem } from '../../store/store.js';
import { runContextOf, type BuildContext, type BuildServices, type BuildTarget } from './build-context.js';
import { buildPlan, resolveIn } from './build-stages.js';
import { checkForeignManifest } from './check-foreign.js';
import { manifestOf, outcomesOf } from './layer-manifest.js';
import { metadataPaths, writeMetadata, type LayerMetadata } from './layer-metadata.js';
import { layerInputKey, layerKey } from './layer-key.js';
import { smokeOf } from './layer-parts.js';
import { smokeTestLayer } from './layer-smoke.js';
import { auditLayerZip, writeLayerZip } from './layer-zip.js';
import type { PlannedLayer } from './planned-layer.js';
import type { ResolvedPlan } from './resolve-plan.js';
import { shareLayer, shareStages } from './share.js';
import { readingStored } from './removed-entries.js';
import { recallResult, type StageResult } from './stage-results.js';

export interface LayerResult extends LayerMetadata {
  readonly path: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** Whether an earlier run built and tested the layer. */
  readonly reused: boolean;
  readonly record: BuiltRecord;
}

/**
 * Builds a tested layer zip in the output folder. The zip is written only after its smoke tests have passed; an existing
 * file is replaced in one rename.
 */
export async function buildLayer(
  layer: PlannedLayer,
  {
    output,
    builderId,
    context,
  }: {
    readonly output: string;
    /** A URI that identifies who runs the build. */
    readonly builderId: string;
    readonly context: BuildContext;
  },
): Promise<LayerResult> {
  const { plan } = layer;
  const { store, reporter } = context;
  const resolved = await resolveIn(plan, context);
  // If all stages were built before, their artifacts are not needed.
  const known = await recallAll(resolved, store);
  const found = known && (await findLayer(resolved, { layer, results: known, context }));
  const { results, manifest, item, reused } = found ?? (await buildAnew(layer, { builderId, context }));
  const { sharing } = context;
  if (sharing !== undefined) {
    await shareStages(resolved, { ...context, sharing });
    await shareLayer(item, await layerInputKey(resolved, { layer, target: context }), {
      ...context,
      sharing,
    });
  }

  const name = layerFileName(layer, context.platform);
  const path = join(output, `${name}.zip`);
  const metadata = metadataPaths(output, name);
  const record = recordOf(manifest, { plan, results, item, file: `${name}.zip`, target: context });
  const replaced = await recipeOf(path);
  if (replaced !== undefined && replaced !== plan.root.recipe.name)
    reporter.warn(`${path} contained a layer of ${replaced} and is replaced`);
  await readingStored(store, () => placeFile(item, path));
  // The provenance names who built the layer: an earlier run, or another machine.
  const { builderId: builder = builderId, run: invocationId, startedOn, finishedOn } = item.facts;
  await writeMetadata(metadata, {
    record,
    zip: path,
    run: { builderId: builder, invocationId, startedOn, finishedOn },
  });
  if (item.sizeBytes > MAX_DIRECT_ZIP_BYTES) {
    reporter.warn(
      `${path} has ${item.sizeBytes} bytes: Lambda accepts a zip over ${MAX_DIRECT_ZIP_BYTES} bytes only through S3`,
    );
  }
  return { path, ...metadata, sha256: item.sha256, sizeBytes: item.sizeBytes, reused, record };
}

/** Returns the name of a layer's files, without an ending: `shop-8.4.24-provided.al2023-x86_64`. */
export function layerFileName({ name, plan }: PlannedLayer, platform: Platform): string {
  return `${name}-${plan.root.recipe.version}-${platform.name}-${platform.architecture}`;
}

/** A layer in the store, and the results of its stages. */
interface MadeLayer {
  readonly results: readonly StageResult[];
  readonly manifest: Manifest;
  readonly item: StoredItem;
  readonly reused: boolean;
}

/** Returns the recorded results of the stages that go into a layer. Undefined if one is missing. */
async function recallAll(
  { layer }: ResolvedPlan,
  store: BuildServices['store'],
): Promise<readonly StageResult[] | undefined> {
  const results = await Promise.all(layer.map(({ inputKey }) => recallResult(store, inputKey)));
  const found = results.flatMap((result) => (result === undefined ? [] : [result]));
  return found.length === results.length ? found : undefined;
}

/** Finds the layer that an earlier run built and tested from the same stage results. Undefined if there is none. */
async function findLayer(
  resolved: ResolvedPlan,
  {
    layer,
    results,
    context,
  }: {
    readonly layer: PlannedLayer;
    readonly results: readonly StageResult[];
    readonly context: BuildContext;
  },
): Promise<MadeLayer | undefined> {
  const manifest = await manifestOf(resolved, { results, settings: layer.settings, target: context });
  const item = await context.store.find('layers', await layerKey(manifest, { layer, target: context }), {
    checkForeign: (path) => checkForeignLayer(path, { layer, manifest, context }),
  });
  return item && { results, manifest, item, reused: true };
}

/** Checks a layer that another machine made and tested: its manifest, the audit, and the smoke tests. Throws what they throw. */
async function checkForeignLayer(
  path: string,
  {
    layer: { plan, settings },
    manifest,
    context,
  }: { readonly layer: PlannedLayer; readonly manifest: Manifest; readonly context: BuildContext },
): Promise<void> {
  await checkForeignManifest(path, manifest);
  await auditLayerZip(path, { plan, context });
  await checkForeignImage(runContextOf(context));
  await smokeTestLayer(path, {
    plan,
    mode: settings.mode,
    parallel: context.jobs,
    context: runContextOf(context),
  });
}

/** Builds the stages. Reuses the layer of an earlier run if their results are the same. */
async function buildAnew(
  layer: PlannedLayer,
  { builderId, context }: { readonly builderId: string; readonly context: BuildContext },
): Promise<MadeLayer> {
  // Before the stages, which may take an hour.
  await checkForeignImage(runContextOf(context));
  const { resolved, results, artifacts } = await buildPlan(layer.plan, context);
  const found = await findLayer(resolved, { layer, results, context });
  if (found !== undefined) return found;
  const manifest = await manifestOf(resolved, { results, settings: layer.settings, target: context });
  return {
    results,
    manifest,
    item: await readingStored(context.store, () =>
      makeLayer({ layer, artifacts, manifest, builderId, context }),
    ),
    reused: false,
  };
}

interface Making {
  readonly layer: PlannedLayer;
  readonly artifacts: readonly StoredItem[];
  readonly manifest: Manifest;
  readonly builderId: string;
  readonly context: BuildContext;
}

/** Assembles, audits, zips and tests a layer. Only a layer that passes is added to the store. */
async function makeLayer({ layer, artifacts, manifest, builderId, context }: Making): Promise<StoredItem> {
  const { plan, settings } = layer;
  const { recipe } = plan.root;
  const started = context.now();
  const seconds = (): number => (context.now() - started) / 1000;
  const key = await layerKey(manifest, { layer, target: context });
  let report: AuditReport | undefined;
  const facts = (): Readonly<Record<string, string>> => ({
    ...(report?.oldestPlatform === undefined ? {} : { oldestPlatform: report.oldestPlatform }),
    builderId,
    run: context.runName,
    startedOn: new Date(started).toISOString(),
    finishedOn: new Date(context.now()).toISOString(),
  });
  return context.store.add('layers', { key, name: recipe.name, seconds, facts }, async (path) => {
    report = await writeLayerZip(path, { plan, settings, artifacts, manifest, context });
    await smokeTestLayer(path, {
      plan,
      mode: settings.mode,
      parallel: context.jobs,
      context: runContextOf(context),
    });
  });
}

interface RecordInput {
  readonly plan: Plan;
  readonly results: readonly StageResult[];
  readonly item: StoredItem;
  readonly file: string;
  readonly target: BuildTarget;
}

function recordOf(manifest: Manifest, { plan, results, item, file, target }: RecordInput): BuiltRecord {
  const smoke = smokeOf(plan);
  return {
    ...manifest,
    layer: { file, sha256: item.sha256, sizeBytes: item.sizeBytes },
    usedSources: Object.fromEntries(outcomesOf(results).map((outcome) => [outcome.recipe, outcome.sources])),
    toolchainReason: target.toolchain.reason,
    audit: { platform: target.platform.name, oldestPlatform: item.facts['oldestPlatform'] },
    smokeTests: {
      runtimeDigest: target.toolchain.runtimeImage.digest,
      programs: smoke.programs.length,
      invocations: smoke.invocations.reduce((sum, { times }) => sum + times, 0),
    },
  };
}

/** Returns the recipe of the layer at a path. Undefined if it has no readable record. */
async function recipeOf(zip: string): Promise<string | undefined> {
  const record = await readLayerRecord(zip).catch(() => undefined);
  return record !== undefined && 'recipe' in record ? record.recipe : undefined;
}

/** Copies a file to its place. Leaves an identical file unchanged. */
async function placeFile(item: StoredItem, path: string): Promise<void> {
  const present = await sha256OfFile(path).catch(() => undefined);
  if (present !== item.sha256) await copyFileAtomically(item.path, path);
}

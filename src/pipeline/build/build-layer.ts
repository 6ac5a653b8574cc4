import { join } from 'node:path';
import { sha256, sha256OfFile, type Sha256 } from '../../core/digest.js';
import { copyFileAtomically } from '../../core/atomic-file.js';
import type { AuditReport } from '../../audit/audit-layer.js';
import { MAX_DIRECT_ZIP_BYTES } from '../../core/lambda-limits.js';
import { readPrebuilt } from '../../core/prebuilt.js';
import { relayProgram } from '../../lambda/relay-program.js';
import { readLayerRecord, type BuiltRecord } from '../../layer/layer-record.js';
import type { Manifest } from '../../layer/manifest.js';
import type { Plan } from '../../recipe/plan.js';
import type { Recipe } from '../../recipe/recipe.js';
import { checkForeignImage } from '../../sandbox/foreign-image.js';
import type { StoredItem } from '../../store/store.js';
import { runContextOf, type BuildContext, type BuildServices, type BuildTarget } from './build-context.js';
import { buildPlan, resolveIn } from './build-stages.js';
import { judgeDigest } from './judge-digest.js';
import { manifestOf, outcomesOf } from './layer-manifest.js';
import { metadataPaths, writeMetadata, type LayerMetadata } from './layer-metadata.js';
import { layerParts } from './layer-parts.js';
import { runtimesFolder } from '../../runtime/runtimes.js';
import { smokeTestLayer } from './layer-smoke.js';
import { writeLayerZip } from './layer-zip.js';
import type { ResolvedPlan } from './resolve-plan.js';
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
  plan: Plan,
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
  const { recipe } = plan.root;
  const { store, platform, reporter } = context;
  const resolved = await resolveIn(plan, context);
  // If all stages were built before, their artifacts are not needed.
  const known = await recallResult(store, resolved.root.inputKey);
  const found = known && (await findLayer(resolved, { result: known, context }));
  const { result, manifest, item, reused } = found ?? (await buildAnew(plan, context));

  const name = `${recipe.package}-${recipe.version}-${platform.name}-${platform.architecture}`;
  const path = join(output, `${name}.zip`);
  const metadata = metadataPaths(output, name);
  const record = recordOf(manifest, { recipe, result, item, file: `${name}.zip`, target: context });
  const replaced = await recipeOf(path);
  if (replaced !== undefined && replaced !== recipe.name)
    reporter.warn(`${path} contained a layer of ${replaced} and is replaced`);
  await placeFile(item, path);
  const { run: invocationId, startedOn, finishedOn } = item.facts;
  await writeMetadata(metadata, {
    record,
    zip: path,
    run: { builderId, invocationId, startedOn, finishedOn },
  });
  if (item.sizeBytes > MAX_DIRECT_ZIP_BYTES) {
    reporter.warn(
      `${path} has ${item.sizeBytes} bytes: Lambda accepts a zip over ${MAX_DIRECT_ZIP_BYTES} bytes only through S3`,
    );
  }
  return { path, ...metadata, sha256: item.sha256, sizeBytes: item.sizeBytes, reused, record };
}

/** A layer in the store, and the results of its stages. */
interface MadeLayer {
  readonly result: StageResult;
  readonly manifest: Manifest;
  readonly item: StoredItem;
  readonly reused: boolean;
}

/** Finds the layer that an earlier run built and tested from the same stage results. Undefined if there is none. */
async function findLayer(
  resolved: ResolvedPlan,
  {
    result,
    context,
  }: { readonly result: StageResult; readonly context: BuildTarget & Pick<BuildServices, 'store'> },
): Promise<MadeLayer | undefined> {
  const manifest = await manifestOf(resolved, { result, target: context });
  const { recipe } = resolved.root.stage;
  const item = await context.store.find('layers', await layerKey(manifest, { recipe, target: context }));
  return item && { result, manifest, item, reused: true };
}

/** Builds the stages. Reuses the layer of an earlier run if their results are the same. */
async function buildAnew(plan: Plan, context: BuildContext): Promise<MadeLayer> {
  // Before the stages, which may take an hour.
  await checkForeignImage(runContextOf(context));
  const { resolved, result, artifact } = await buildPlan(plan, context);
  const found = await findLayer(resolved, { result, context });
  if (found !== undefined) return found;
  const manifest = await manifestOf(resolved, { result, target: context });
  return { result, manifest, item: await makeLayer({ plan, artifact, manifest, context }), reused: false };
}

interface Making {
  readonly plan: Plan;
  readonly artifact: StoredItem;
  readonly manifest: Manifest;
  readonly context: BuildContext;
}

/** Assembles, audits, zips and tests a layer. Only a layer that passes is added to the store. */
async function makeLayer({ plan, artifact, manifest, context }: Making): Promise<StoredItem> {
  const { recipe } = plan.root;
  const started = context.now();
  const seconds = (): number => (context.now() - started) / 1000;
  const key = await layerKey(manifest, { recipe, target: context });
  let report: AuditReport | undefined;
  const facts = (): Readonly<Record<string, string>> => ({
    ...(report?.oldestPlatform === undefined ? {} : { oldestPlatform: report.oldestPlatform }),
    run: context.runName,
    startedOn: new Date(started).toISOString(),
    finishedOn: new Date(context.now()).toISOString(),
  });
  return context.store.add('layers', { key, name: recipe.name, seconds, facts }, async (path) => {
    report = await writeLayerZip(path, { recipe, artifact, manifest, context });
    await smokeTestLayer(path, { plan, parallel: context.jobs, context: runContextOf(context) });
  });
}

/** Returns the layer's key: everything that decides the bytes of its zip and the results of its tests. */
async function layerKey(
  manifest: Manifest,
  { recipe, target }: { readonly recipe: Recipe; readonly target: BuildTarget },
): Promise<Sha256> {
  const { layer, smoke, runtime } = layerParts(recipe);
  const relay = await relayProgram(target.platform);
  const digests = async (files: ReadonlyMap<string, string>): Promise<readonly string[]> =>
    (await Promise.all([...files].map(async ([path, file]) => `${path} ${await sha256OfFile(file)}`))).sort();
  return sha256(
    JSON.stringify([
      await judgeDigest(target.packageRoot),
      manifest,
      target.abiProfiles.map(({ newest, named, libraries, present, interpreters }) =>
        [newest, named, libraries, present, interpreters].map((each) => [...each]),
      ),
      sha256(relay),
      sha256(await readPrebuilt('deflate.wasm')),
      target.toolchain.runtimeImage.digest,
      sha256(await runtime.bootstrap(runtimesFolder(target.packageRoot))),
      { interpreter: layer.interpreter, files: layer.files },
      await digests(recipe.layerFiles),
      smoke,
      await digests(recipe.smokeFiles),
    ]),
  );
}

interface RecordInput {
  readonly recipe: Recipe;
  readonly result: StageResult;
  readonly item: StoredItem;
  readonly file: string;
  readonly target: BuildTarget;
}

function recordOf(manifest: Manifest, { recipe, result, item, file, target }: RecordInput): BuiltRecord {
  const { smoke } = layerParts(recipe);
  return {
    ...manifest,
    layer: { file, sha256: item.sha256, sizeBytes: item.sizeBytes },
    usedSources: Object.fromEntries(outcomesOf(result).map((outcome) => [outcome.recipe, outcome.sources])),
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

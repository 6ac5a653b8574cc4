import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { bootstrapFor } from '../bootstrap/bootstrap.js';
import { sha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { UsageError } from '../core/errors.js';
import { copyFileAtomically, writeFileAtomically } from '../core/atomic-file.js';
import { checkLayerTree, MAX_DIRECT_ZIP_BYTES } from '../layer/check-layer.js';
import { assembleLayerTree } from '../layer/layer-tree.js';
import type { Manifest } from '../layer/manifest.js';
import { writeZip } from '../layer/zip-writer.js';
import type { Plan } from '../recipe/plan.js';
import type { LayerSpec, Recipe, SmokeSpec } from '../recipe/recipe.js';
import type { StoredItem } from '../store/store.js';
import type { BuildContext } from './build-context.js';
import { buildPlan, keysOf } from './build-stages.js';
import type { KeyedStage } from './keyed-plan.js';
import { relayPlan, smokeTestLayer } from './layer-smoke.js';

export interface LayerResult {
  readonly path: string;
  readonly manifestPath: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** The layer was in the store already, built and tested by an earlier run. */
  readonly reused: boolean;
  readonly manifest: Manifest;
}

/** Raised when what this code does between artifact and zip changes the zip's bytes or what was tested. */
const LAYER_PROTOCOL = 1;

/**
 * The main job: from a plan to a tested layer zip in the output folder. Nothing is put there before its
 * smoke tests passed; what is there stays until a new file takes its place in one rename.
 */
export async function buildLayer(
  plan: Plan,
  { output, context }: { readonly output: string; readonly context: BuildContext },
): Promise<LayerResult> {
  const { recipe } = plan.root;
  const { store, platform, reporter } = context;
  const { layer, smoke } = layerParts(recipe);
  const bootstrap = bootstrapFor(layer.interpreter);
  const keyOf = (stages: readonly KeyedStage[]): Promise<Sha256> =>
    layerKey({ recipe, layer, smoke, stages, bootstrap, context });
  let stages = await keysOf(plan, context);
  let item = await store.find('layers', await keyOf(stages));
  const reused = item !== undefined;
  if (item === undefined) {
    const built = await buildPlan(plan, context);
    stages = built.stages;
    item = await makeLayer({ plan, artifact: built.artifact, bootstrap, key: await keyOf(stages), context });
  }

  const name = `${recipe.package}-${recipe.version}-${platform.name}-${platform.architecture}`;
  const path = join(output, `${name}.zip`);
  const manifestPath = join(output, `${name}.manifest.json`);
  const manifest = manifestOf({ recipe, smoke, stages, item, file: `${name}.zip`, context });
  const replaced = await recipeOf(manifestPath);
  if (replaced !== undefined && replaced !== recipe.name)
    reporter.warn(`${path} was a layer of ${replaced} and is replaced`);
  await placeFile(item, path);
  await writeFileAtomically(manifestPath, `${JSON.stringify(manifest, undefined, 2)}\n`);
  if (item.sizeBytes > MAX_DIRECT_ZIP_BYTES) {
    reporter.warn(
      `${path} has ${item.sizeBytes} bytes: Lambda takes it through S3 only (over ${MAX_DIRECT_ZIP_BYTES})`,
    );
  }
  return { path, manifestPath, sha256: item.sha256, sizeBytes: item.sizeBytes, reused, manifest };
}

/** What makes a recipe one of a layer. Throws UsageError for a library or a tool. */
export function layerParts(recipe: Recipe): { readonly layer: LayerSpec; readonly smoke: SmokeSpec } {
  const { layer, smoke } = recipe;
  if (layer === undefined || smoke === undefined) {
    throw new UsageError(`${recipe.name} is a ${recipe.kind}: no layer is made of it`, {
      hint: 'Name an interpreter; `layersmith recipes` says which they are.',
    });
  }
  return { layer, smoke };
}

interface Making {
  readonly plan: Plan;
  readonly artifact: StoredItem;
  readonly bootstrap: string;
  readonly key: Sha256;
  readonly context: BuildContext;
}

/** Assembles, checks, zips and tests; only a layer that passed reaches the store. */
async function makeLayer({ plan, artifact, bootstrap, key, context }: Making): Promise<StoredItem> {
  const { recipe } = plan.root;
  const { store } = context;
  const started = context.now();
  const seconds = (): number => (context.now() - started) / 1000;
  return store.add('layers', { key, name: recipe.name, seconds }, async (path) => {
    const spool = `${path}.spool`;
    const view = context.reporter.stage('layer', await store.lastSeconds(`layer:${recipe.name}`));
    try {
      const tree = await assembleLayerTree({ recipe, artifact: artifact.path, bootstrap, spool });
      await checkLayerTree(tree);
      view.doing('zipping');
      await writeZip(path, tree);
      await store.rememberSeconds(`layer:${recipe.name}`, seconds());
      view.finished('built');
    } catch (error) {
      view.failed();
      throw error;
    } finally {
      await rm(spool, { force: true });
    }
    await smokeTestLayer(path, { plan, context });
  });
}

interface KeyInput {
  readonly recipe: Recipe;
  readonly layer: LayerSpec;
  readonly smoke: SmokeSpec;
  readonly stages: readonly KeyedStage[];
  readonly bootstrap: string;
  readonly context: BuildContext;
}

/** Everything that decides the zip's bytes and what its tests have shown. */
async function layerKey({ recipe, layer, smoke, stages, bootstrap, context }: KeyInput): Promise<Sha256> {
  const relay = await keysOf(await relayPlan(context), context);
  const digests = async (files: ReadonlyMap<string, string>): Promise<readonly string[]> =>
    (await Promise.all([...files].map(async ([path, file]) => `${path} ${await sha256OfFile(file)}`))).sort();
  return sha256(
    JSON.stringify([
      LAYER_PROTOCOL,
      stages.at(-1)?.key,
      relay.at(-1)?.key,
      context.toolchain.runtime.digest,
      sha256(bootstrap),
      layer,
      await digests(recipe.layerFiles),
      smoke,
      await digests(recipe.smokeFiles),
    ]),
  );
}

interface ManifestInput {
  readonly recipe: Recipe;
  readonly smoke: SmokeSpec;
  readonly stages: readonly KeyedStage[];
  readonly item: StoredItem;
  readonly file: string;
  readonly context: BuildContext;
}

function manifestOf({ recipe, smoke, stages, item, file, context }: ManifestInput): Manifest {
  const { toolchain, platform } = context;
  return {
    layer: { file, sha256: item.sha256, sizeBytes: item.sizeBytes },
    recipe: recipe.name,
    version: recipe.version,
    platform: platform.name,
    architecture: platform.architecture,
    toolchain: {
      kind: toolchain.kind,
      reason: toolchain.reason,
      toolchainDigest: toolchain.toolchain.digest,
      runtimeDigest: toolchain.runtime.digest,
    },
    smokeTests: {
      programs: smoke.programs.length,
      invocations: smoke.invocations.reduce((sum, { times }) => sum + times, 0),
    },
    stages: stages.map(({ stage, key, sources }) => ({
      recipe: stage.recipe.name,
      version: stage.recipe.version,
      licence: stage.recipe.licence,
      endOfLife: stage.recipe.endOfLife,
      key,
      sources: sources.map(({ source, file: chosen }) => ({
        name: source.name,
        file: chosen.file,
        sha256: chosen.sha256,
      })),
    })),
  };
}

const manifestSchema = z.object({ recipe: z.string() });

/** The recipe that a manifest was written for; undefined where there is none that can be read. */
async function recipeOf(manifestPath: string): Promise<string | undefined> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(manifestPath, 'utf8'))).recipe;
  } catch {
    return undefined;
  }
}

/** A file that is the same already is left as it is. */
async function placeFile(item: StoredItem, path: string): Promise<void> {
  const present = await sha256OfFile(path).catch(() => undefined);
  if (present !== item.sha256) await copyFileAtomically(item.path, path);
}

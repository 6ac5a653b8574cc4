import { compareTrees, type Difference } from '../../compare/compare-trees.js';
import { sha256OfFile, type Sha256 } from '../../core/digest.js';
import { InternalError, RecipeError } from '../../core/errors.js';
import { MANIFEST_PATH } from '../../layer/manifest.js';
import { treeDigest } from '../../tree/pack-tree.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import { readArtifact } from '../../tree/read-artifact.js';
import type { ScratchPlace } from '../../tree/tree.js';
import { readZip } from '../../tree/zip-reader.js';
import { planFor } from '../../recipe/plan.js';
import type { PlannedLayer } from '../build/planned-layer.js';
import type { Variation } from '../../stage/variation.js';
import { artifactFile } from '../../tree/artifact-file.js';
import type { BuildContext } from '../build/build-context.js';
import { buildPlan, resolveIn, type BuiltPlan } from '../build/build-stages.js';
import { openScratchBuild, type ScratchBuild } from './scratch-build.js';

/** The result of comparing two builds. */
export interface Verified {
  /** `openssl/3.5`, or for its layer `the layer of php/8.4`. */
  readonly name: string;
  /** The sha256 of the first build's artifact or zip, and of the second's. */
  readonly first: Sha256;
  readonly second: Sha256;
  /** Where they differ. Empty if the digests are equal. */
  readonly differences: readonly Difference[];
}

/**
 * Builds each layer twice from scratch, the second time under changed conditions (`Variation`), and compares every artifact
 * and, for an interpreter, the layer zip. A stage that several of them share is built and compared once. Throws RecipeError if
 * recipes are edited meanwhile: the two builds would not be of the same thing.
 */
export async function verifyLayers(
  layers: readonly PlannedLayer[],
  context: BuildContext,
): Promise<readonly Verified[]> {
  const variation = await variationOf(context);
  await using first = await openScratchBuild(context, { name: 'first', variation: undefined });
  const firstBuilt = await buildAll(layers, first);
  await refuseEdited(firstBuilt, context);
  await using second = await openScratchBuild(context, { name: 'again', variation });
  const secondBuilt = await buildAll(layers, second);
  await refuseEdited(firstBuilt, context);

  const results = new Map<string, Verified>();
  for (const [layer, built] of firstBuilt) {
    for (const resolved of built.resolved.stages) {
      const { name } = resolved.stage.recipe;
      if (results.has(name)) continue;
      const [a, b] = await Promise.all([first.artifact(resolved), second.artifact(resolved)]);
      if (a === undefined || b === undefined) throw new InternalError(`${name} was not built twice`);
      results.set(name, {
        name,
        first: a.sha256,
        second: b.sha256,
        differences:
          a.sha256 === b.sha256
            ? []
            : await compareArtifacts({ first: a.path, second: b.path, tmpDir: context.store.tmpDir }),
      });
    }
    const again = secondBuilt.get(layer);
    const { recipe } = layer.plan.root;
    if (recipe.layer === undefined || again === undefined) continue;
    const zips = [await first.layer(layer, built), await second.layer(layer, again)] as const;
    const name = layer.name === recipe.package ? `the layer of ${recipe.name}` : `the layer ${layer.name}`;
    results.set(name, {
      name,
      ...(await compareZips({ first: zips[0].path, second: zips[1].path, tmpDir: context.store.tmpDir })),
    });
  }
  return [...results.values()];
}

/** The paths of two files to compare. */
export interface Sides extends ScratchPlace {
  readonly first: string;
  readonly second: string;
}

/** Compares two layer zips: their digests, and where they differ. */
export async function compareZips({ first, second, tmpDir }: Sides): Promise<Omit<Verified, 'name'>> {
  const sums = { first: await sha256OfFile(first), second: await sha256OfFile(second) };
  if (sums.first === sums.second) return { ...sums, differences: [] };
  await using a = await readZip(first, { tmpDir });
  await using b = await readZip(second, { tmpDir });
  return { ...sums, differences: await compareTrees(a.entries, b.entries) };
}

/** Returns where two artifacts differ. */
export async function compareArtifacts({ first, second, tmpDir }: Sides): Promise<readonly Difference[]> {
  await using a = await readArtifact(first, { tmpDir, folders: true });
  await using b = await readArtifact(second, { tmpDir, folders: true });
  return await compareTrees(a.entries, b.entries);
}

/** Compares the content of two layer zips without their manifests: their digests, and where they differ. */
export async function compareContent({ first, second, tmpDir }: Sides): Promise<Omit<Verified, 'name'>> {
  await using firstTree = await readZip(first, { tmpDir });
  await using secondTree = await readZip(second, { tmpDir });
  const isContent = ({ path }: TreeEntry): boolean => path !== MANIFEST_PATH;
  const a = firstTree.entries.filter(isContent);
  const b = secondTree.entries.filter(isContent);
  return {
    first: await treeDigest(a),
    second: await treeDigest(b),
    differences: await compareTrees(a, b),
  };
}

async function buildAll(
  layers: readonly PlannedLayer[],
  scratch: ScratchBuild,
): Promise<ReadonlyMap<PlannedLayer, BuiltPlan>> {
  const built = new Map<PlannedLayer, BuiltPlan>();
  for (const layer of layers) built.set(layer, await scratch.build(layer.plan));
  return built;
}

/** Throws RecipeError if recipes are not what they were when the layers were built. */
async function refuseEdited(
  built: ReadonlyMap<PlannedLayer, BuiltPlan>,
  context: BuildContext,
): Promise<void> {
  const edited = new Set<string>();
  for (const [{ plan }, { resolved }] of built) {
    const now = new Map((await resolveIn(plan, context)).stages.map(({ stage, digest }) => [stage, digest]));
    for (const { stage, digest } of resolved.stages)
      if (now.get(stage) !== digest) edited.add(stage.recipe.path);
  }
  if (edited.size === 0) return;
  const message = 'its build files were edited while it was verified';
  throw new RecipeError(
    [...edited].map((file) => ({ file, line: 1, column: 1, message })),
    { what: 'recipes', hint: 'Run the command again.' },
  );
}

/** Returns the changed conditions, with a library that is compiled if the store has none. */
export async function variationOf(context: BuildContext): Promise<Variation> {
  const plan = await planFor({ package: 'variations', line: undefined }, context.library);
  const [artifact] = (await buildPlan(plan, context)).artifacts;
  const library = artifact && (await artifactFile(artifact.path, 'lib/variations.so'));
  if (library === undefined) throw new InternalError('the variations stage installed no lib/variations.so');
  return { library };
}

import { IntegrityError } from '../../core/errors.js';
import type { Manifest, ManifestStage } from '../../layer/manifest.js';
import type { Plan, PlannedStage } from '../../recipe/plan.js';
import type { Recipe } from '../../recipe/recipe.js';
import type { SourcePatch } from '../../recipe/source.js';
import { packageDifferences } from '../../toolchain/image-packages.js';
import type { BuildContext, BuildTarget } from '../build/build-context.js';
import { outcomesOf, patchesOf } from '../build/layer-manifest.js';
import type { PlannedLayer } from '../build/planned-layer.js';
import { reportOtherSources } from './other-sources.js';
import { openScratchBuild } from './scratch-build.js';
import { compareContent, compareZips, type Verified } from './verify-recipes.js';

/**
 * Builds a layer again, from scratch, as its manifest says, and compares the zips. A layer of an older release of layersmith
 * has another manifest format: only the content of its other files is compared. Reports sources of which another alternative was
 * compiled than the record beside the zip says.
 *
 * Throws IntegrityError, before anything is compiled, if the recipes or the toolchain differ from those of the layer. It lists
 * each difference.
 */
export async function verifyLayer(
  zip: string,
  {
    manifest,
    layer,
    context,
  }: { readonly manifest: Manifest; readonly layer: PlannedLayer; readonly context: BuildContext },
): Promise<Verified> {
  refuseOtherToolchain(manifest, context);
  await refuseOtherRecipes(layer.plan, manifest);
  const pinned = { ...layer, plan: pinSources(layer.plan, manifest) };
  await using scratch = await openScratchBuild(context, { name: 'again', variation: undefined });
  const built = await scratch.build(pinned.plan);
  await reportOtherSources(zip, {
    manifest,
    outcomes: outcomesOf(built.results),
    reporter: context.reporter,
  });
  const again = await scratch.layer(pinned, built);
  const sides = { first: zip, second: again.path, tmpDir: context.store.tmpDir };
  return manifest.schemaVersion === again.manifest.schemaVersion
    ? { name: `the layer of ${manifest.recipe}`, ...(await compareZips(sides)) }
    : {
        name: `the files of the layer of ${manifest.recipe}, without its manifest`,
        ...(await compareContent(sides)),
      };
}

/** Restricts the plan to the source alternatives that the manifest names. */
function pinSources(plan: Plan, manifest: Manifest): Plan {
  const taken = new Set(
    manifest.stages.flatMap(({ sources }) => sources.map(({ sha256 }) => sha256 as string)),
  );
  const pinned = new Map<PlannedStage, PlannedStage>();
  const pin = (stage: PlannedStage): PlannedStage => {
    const known = pinned.get(stage);
    if (known !== undefined) return known;
    const sources = stage.recipe.sources.map((source) => {
      const alternatives = source.alternatives.filter((file) => taken.has(file.sha256));
      return { ...source, alternatives };
    });
    const result: PlannedStage = {
      recipe: { ...stage.recipe, sources },
      needs: stage.needs.map(pin),
      closure: stage.closure.map(pin),
    };
    pinned.set(stage, result);
    return result;
  };
  return {
    ...plan,
    root: pin(plan.root),
    extensions: plan.extensions.map(pin),
    stages: plan.stages.map(pin),
  };
}

function refuseOtherToolchain(manifest: Manifest, { toolchain, toolchainPackages }: BuildTarget): void {
  const packages = packageDifferences(manifest.toolchain.packages, toolchainPackages);
  // The digests in manifests of version 1 depended on the machine. Compare the packages instead.
  const isSame =
    toolchain.kind === manifest.toolchain.kind &&
    (manifest.schemaVersion === 1
      ? packages.length === 0
      : toolchain.buildImage.digest === manifest.toolchain.digest);
  if (isSame) return;
  throw new IntegrityError('the toolchain here differs from the one that built the layer', {
    details: {
      'of the layer': `${manifest.toolchain.kind} ${manifest.toolchain.digest}`,
      here: `${toolchain.kind} ${toolchain.buildImage.digest}`,
      packages: packages.length === 0 ? ['the same, in another image'] : packages,
    },
    hint: hasDebian11(manifest)
      ? 'The layer was compiled on Debian 11, which this release of layersmith does not have any more: verify it with the release that built it, or build the layer again.'
      : 'Use a mirror that still has those packages, or an engine that still has the image: the same bytes need the same inputs.',
  });
}

/** Reports whether a layer was compiled on the embedded toolchain of earlier releases, whose glibc was that of Debian 11. */
function hasDebian11({ toolchain }: Manifest): boolean {
  const isGlibc = ({ name, version }: { readonly name: string; readonly version: string }): boolean =>
    name === 'libc6' && version.startsWith('2.31-');
  return toolchain.kind === 'debian' && toolchain.packages.some(isGlibc);
}

async function refuseOtherRecipes(plan: Plan, manifest: Manifest): Promise<void> {
  const here = new Map(plan.stages.map((stage) => [stage.recipe.name, stage.recipe]));
  const differences: string[] = [];
  for (const stage of manifest.stages) {
    const recipe = here.get(stage.recipe);
    const difference =
      recipe === undefined ? 'it is no longer in the plan' : await whatDiffers(stage, recipe);
    if (difference !== undefined) differences.push(`${stage.recipe}: ${difference}`);
    here.delete(stage.recipe);
  }
  for (const name of here.keys()) differences.push(`${name} was not in the layer`);
  if (differences.length === 0) return;
  throw new IntegrityError(`the recipes here differ from those that the layer was built from`, {
    details: { differences },
    hint: 'Check out the recipes of that time, or name their folder with --recipes.',
  });
}

/** Describes what differs, or returns undefined if version, sources and patches match. Other differences show in the bytes. */
async function whatDiffers(stage: ManifestStage, recipe: Recipe): Promise<string | undefined> {
  if (stage.version !== recipe.version) return `version ${stage.version} then, ${recipe.version} here`;
  const pinnedHere = new Set(
    recipe.sources.flatMap(({ alternatives }) => alternatives.map((file) => file.sha256 as string)),
  );
  const gone = stage.sources.find(({ sha256 }) => !pinnedHere.has(sha256));
  if (gone !== undefined) return `its source ${gone.file} (${gone.sha256}) is no longer in the recipe`;
  const patches = await patchesOf(recipe);
  const names = (list: readonly { readonly file: string; readonly sha256: string }[]): string =>
    list.map(({ file, sha256 }) => `${file} ${sha256}`).join(', ') || 'none';
  if (names(patches) !== names(stage.patches))
    return `patches ${names(stage.patches)} then, ${names(patches)} here`;
  const ofSources = (list: readonly SourcePatch[]): string =>
    list.map(({ source, path }) => `${source}: ${path}`).join(', ') || 'none';
  const [then, now] = [ofSources(stage.sourcePatches ?? []), ofSources(recipe.patches)];
  return then === now ? undefined : `patches of its sources ${then} then, ${now} here`;
}

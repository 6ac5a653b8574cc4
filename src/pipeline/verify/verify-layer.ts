import { IntegrityError } from '../../core/errors.js';
import type { Manifest, ManifestStage } from '../../layer/manifest.js';
import type { Plan, PlannedStage } from '../../recipe/plan.js';
import { packageDifferences } from '../../toolchain/lock-file.js';
import type { BuildContext } from '../build/build-context.js';
import { keysOf } from '../build/build-stages.js';
import { openScratchBuild } from './scratch-build.js';
import { compareZips, type Verified } from './verify-recipes.js';

/**
 * Builds a layer again, from nothing, as the manifest inside it says, and compares the zips. Throws IntegrityError, before
 * anything is compiled, when the recipes or the toolchain at hand are not those that it was made with: each difference
 * is named.
 */
export async function verifyLayer(
  zip: string,
  {
    manifest,
    plan,
    context,
  }: { readonly manifest: Manifest; readonly plan: Plan; readonly context: BuildContext },
): Promise<Verified> {
  const pinned = pinSources(plan, manifest);
  await refuseOtherInputs(pinned, { manifest, context });
  await using scratch = await openScratchBuild(context, { name: 'again', variation: undefined });
  const again = await scratch.layer(pinned, await scratch.build(pinned));
  return { name: `the layer of ${manifest.recipe}`, ...(await compareZips(zip, again.path)) };
}

/** The plan with, of each source, only the alternative that the manifest names. */
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
      // One that the recipe no longer has: the differing key will say so.
      return alternatives.length === 0 ? source : { ...source, alternatives };
    });
    const result: PlannedStage = {
      recipe: { ...stage.recipe, sources },
      needs: stage.needs.map(pin),
      closure: stage.closure.map(pin),
    };
    pinned.set(stage, result);
    return result;
  };
  return { root: pin(plan.root), stages: plan.stages.map(pin) };
}

async function refuseOtherInputs(
  plan: Plan,
  { manifest, context }: { readonly manifest: Manifest; readonly context: BuildContext },
): Promise<void> {
  const { toolchain } = context;
  if (
    toolchain.kind !== manifest.toolchain.kind ||
    toolchain.toolchain.digest !== manifest.toolchain.digest
  ) {
    const packagesHere = packageDifferences(manifest.toolchain.packages, context.toolchainPackages);
    throw new IntegrityError('the toolchain here is not the one that the layer was made with', {
      details: {
        'of the layer': `${manifest.toolchain.kind} ${manifest.toolchain.digest}`,
        here: `${toolchain.kind} ${toolchain.toolchain.digest}`,
        packages: packagesHere.length === 0 ? ['the same, in another image'] : packagesHere,
      },
      hint: 'Use a mirror that still has those packages, or build where the image of that time is; the same inputs are needed to prove the same bytes.',
    });
  }
  const stages = await keysOf(plan, context);
  const here = new Map(stages.map((keyed) => [keyed.stage.recipe.name, keyed]));
  const differences: string[] = [];
  for (const stage of manifest.stages) {
    const keyed = here.get(stage.recipe);
    if (keyed === undefined) differences.push(`${stage.recipe} is not in the plan any more`);
    else if (keyed.key !== stage.key) differences.push(`${stage.recipe}: ${whatDiffers(stage, keyed.stage)}`);
    here.delete(stage.recipe);
  }
  for (const name of here.keys()) differences.push(`${name} was not in the layer`);
  if (differences.length === 0) return;
  throw new IntegrityError(`the recipes here are not those that the layer was made of`, {
    details: { differences },
    hint: `Check out the recipes of that time (layersmith ${manifest.layersmith}), or name their folder with --recipes.`,
  });
}

function whatDiffers(stage: ManifestStage, { recipe }: PlannedStage): string {
  if (stage.version !== recipe.version) return `version ${stage.version} then, ${recipe.version} here`;
  const pinnedHere = new Set(
    recipe.sources.flatMap(({ alternatives }) => alternatives.map((file) => file.sha256 as string)),
  );
  const gone = stage.sources.find(({ sha256 }) => !pinnedHere.has(sha256));
  if (gone !== undefined) return `its source ${gone.file} (${gone.sha256}) is not in the recipe any more`;
  return 'its build script, options, patches or something that it needs changed';
}

import type { AdvisedPackage, ClosingPatch } from '../advisories/advisory.js';
import type { Plan } from '../recipe/plan.js';

/** What recipes and the stages of manifests have in common. */
interface Compiled {
  readonly recipe: string;
  readonly package: string;
  readonly version: string;
  readonly cpe?: string | undefined;
  readonly sourcePatches?: readonly ClosingPatch[] | undefined;
  readonly bundles?: readonly Omit<AdvisedPackage, 'recipe'>[] | undefined;
}

/** Returns the packages of stages and what they bundle. */
export function advisedPackages(stages: readonly Compiled[]): readonly AdvisedPackage[] {
  return stages.flatMap(({ recipe, package: name, version, cpe, sourcePatches, bundles = [] }) => [
    // Undefined keys are not in the JSON.
    { recipe, name, version, cpe, patches: sourcePatches?.length === 0 ? undefined : sourcePatches },
    ...bundles.map((bundle) => ({ recipe, name: bundle.name, version: bundle.version, cpe: bundle.cpe })),
  ]);
}

/** Returns the packages of a plan and what they bundle. */
export function packagesOfPlan({ stages }: Plan): readonly AdvisedPackage[] {
  return advisedPackages(
    stages.map(({ recipe }) => ({ ...recipe, recipe: recipe.name, sourcePatches: recipe.patches })),
  );
}

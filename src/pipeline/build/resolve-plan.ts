import type { Sha256 } from '../../core/digest.js';
import type { Platform } from '../../platform/platform.js';
import { layerStages, type Plan, type PlannedStage } from '../../recipe/plan.js';
import { inputKey, stageDigest } from '../../stage/stage-key.js';

/** A stage with every value that can be known before it is built. */
export interface ResolvedStage {
  readonly stage: PlannedStage;
  /** The digest of the stage itself, without its needs. */
  readonly digest: Sha256;
  readonly inputKey: Sha256;
}

/** A plan for a platform and a toolchain. Each stage comes after its needs. */
export interface ResolvedPlan {
  readonly root: ResolvedStage;
  /** The stages whose artifacts go into the layer: the root, and the extensions in their order. */
  readonly layer: readonly ResolvedStage[];
  readonly stages: readonly ResolvedStage[];
  /** How the interpreter starts. Undefined for the default. */
  readonly start: Plan['start'];
}

/**
 * Resolves a plan from the recipes, the platform and the toolchain digest alone. The result does not depend on this machine.
 * Throws RecipeError with every build file that cannot be read.
 */
export async function resolvePlan(
  plan: Plan,
  options: {
    readonly platform: Platform;
    readonly toolchainDigest: string;
    readonly protocolPath: string;
  },
): Promise<ResolvedPlan> {
  const resolved = new Map<PlannedStage, ResolvedStage>();
  const of = (stage: PlannedStage): ResolvedStage => {
    const found = resolved.get(stage);
    if (found === undefined) throw new RangeError(`${stage.recipe.name} does not come before what needs it`);
    return found;
  };
  for (const stage of plan.stages) {
    const digest = await stageDigest({ recipe: stage.recipe, ...options });
    const needs = stage.closure.map((need) => of(need).inputKey);
    resolved.set(stage, { stage, digest, inputKey: inputKey(digest, needs) });
  }
  return {
    root: of(plan.root),
    layer: layerStages(plan).map(of),
    stages: [...resolved.values()],
    start: plan.start,
  };
}

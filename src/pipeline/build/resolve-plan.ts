import type { Sha256 } from '../../core/digest.js';
import type { Platform } from '../../platform/platform.js';
import type { Plan, PlannedStage } from '../../recipe/plan.js';
import { inputKey, stageDigest } from '../../stage/stage-key.js';

/** A stage with every value that can be known before it is built. */
export interface ResolvedStage {
  readonly stage: PlannedStage;
  /** The digest of the stage itself, without its needs. */
  readonly digest: Sha256;
  readonly inputKey: Sha256;
}

/** A plan for a platform and a toolchain. Each stage comes after its needs; the root is last. */
export interface ResolvedPlan {
  readonly root: ResolvedStage;
  readonly stages: readonly ResolvedStage[];
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
  const keys = new Map<PlannedStage, Sha256>();
  const resolve = async (stage: PlannedStage): Promise<ResolvedStage> => {
    const digest = await stageDigest({ recipe: stage.recipe, ...options });
    const key = inputKey(
      digest,
      stage.closure.flatMap((need) => keys.get(need) ?? []),
    );
    keys.set(stage, key);
    return { stage, digest, inputKey: key };
  };
  const stages: ResolvedStage[] = [];
  for (const stage of plan.stages) stages.push(await resolve(stage));
  const root = stages.at(-1);
  if (root === undefined) throw new RangeError('a plan has at least one stage');
  return { root, stages };
}

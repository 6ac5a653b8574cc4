import type { Reporter } from '../../core/reporter.js';
import type { Platform } from '../../platform/platform.js';
import type { Plan } from '../../recipe/plan.js';

/** Warns about a platform and versions in the plan that are past their end of life, with the date. */
export function warnAboutEndOfLife(
  { plan, platform }: { readonly plan: Plan; readonly platform: Platform },
  { reporter, now }: { readonly reporter: Pick<Reporter, 'warn'>; readonly now: () => number },
): void {
  const today = new Date(now()).toISOString().slice(0, 10);
  if (platform.endOfLife < today) {
    reporter.warn(
      `${platform.name} is past its end of life: its operating system has had no fixes since ${platform.endOfLife}`,
    );
  }
  for (const { recipe } of plan.stages) {
    if (recipe.endOfLife === undefined || recipe.endOfLife >= today) continue;
    reporter.warn(
      `${recipe.name} (${recipe.version}) is past its end of life: no fixes since ${recipe.endOfLife}`,
    );
  }
}

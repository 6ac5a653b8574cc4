import type { Reporter } from '../core/reporter.js';
import type { Plan } from '../recipe/plan.js';

/** Warns, with the date, about each version in the plan that upstream does not support any more. */
export function warnAboutEndOfLife(
  plan: Plan,
  { reporter, now }: { readonly reporter: Pick<Reporter, 'warn'>; readonly now: () => number },
): void {
  const today = new Date(now()).toISOString().slice(0, 10);
  for (const { recipe } of plan.stages) {
    if (recipe.endOfLife === undefined || recipe.endOfLife >= today) continue;
    reporter.warn(
      `${recipe.name} (${recipe.version}) is past its end of life: no fixes since ${recipe.endOfLife}`,
    );
  }
}

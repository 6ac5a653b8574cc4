import { RecipeError, type Problem } from '../core/errors.js';
import type { RecipeLibrary, RecipeName } from './recipe-library.js';
import type { Need, Recipe } from './recipe.js';

/** A node of the plan's graph: one package, and the stages whose artifacts it needs at `/opt`. */
export interface PlannedStage {
  readonly recipe: Recipe;
  /** The direct needs of the recipe. */
  readonly needs: readonly PlannedStage[];
  /** Direct and indirect needs without duplicates; each stage comes after its own needs. */
  readonly closure: readonly PlannedStage[];
}

/** A graph of stages with one root. It has one line of each package, since everything is linked into the root. */
export interface Plan {
  readonly root: PlannedStage;
  /** Every stage, each after its needs; the root is last. */
  readonly stages: readonly PlannedStage[];
}

/**
 * Resolves a recipe's needs into a plan. A need without a line gets the line that the root names, else the package's
 * default. Throws RecipeError with all problems of all recipes: invalid files, cycles, and two lines of one package.
 */
export async function planFor(wanted: RecipeName, library: RecipeLibrary): Promise<Plan> {
  const problems: Problem[] = [];
  const stages = new Map<string, PlannedStage>();
  const failed = new Set<string>();

  const loaded = await library.load(wanted);
  if ('problems' in loaded) throw new RecipeError(loaded.problems);
  const root = loaded.recipe;
  const pinned = new Map(root.needs.map((need) => [need.package, need.line]));

  const visit = async (name: RecipeName, path: readonly Recipe[]): Promise<PlannedStage | undefined> => {
    const result = await library.load(name);
    if ('problems' in result) {
      const key = `${name.package}/${name.line ?? ''}`;
      if (!failed.has(key)) problems.push(...result.problems);
      failed.add(key);
      return undefined;
    }
    const { recipe } = result;
    const known = stages.get(recipe.package);
    if (known !== undefined) return known;
    const needs: PlannedStage[] = [];
    for (const need of recipe.needs) {
      const below = [...path, recipe];
      const start = below.findIndex((other) => other.package === need.package);
      if (start >= 0) {
        const cycle = [...below.slice(start), below[start]].map((other) => other?.name ?? '');
        problems.push({ ...need.position, message: `a cycle in needs: ${cycle.join(' → ')}` });
        continue;
      }
      const line = pinned.get(need.package) ?? need.line;
      const stage = await visitNeed({ package: need.package, line }, { need, below });
      if (stage === undefined) continue;
      if (need.line !== undefined && stage.recipe.line !== need.line) {
        const message = `${need.package}/${need.line} is needed here, but the plan already has ${stage.recipe.name}: it can have one line of each package`;
        problems.push({ ...need.position, message });
      }
      needs.push(stage);
    }
    const closure = [...new Set(needs.flatMap((stage) => [...stage.closure, stage]))];
    const stage: PlannedStage = { recipe, needs, closure };
    stages.set(recipe.package, stage);
    return stage;
  };

  const visitNeed = async (
    name: RecipeName,
    at: { readonly need: Need; readonly below: readonly Recipe[] },
  ): Promise<PlannedStage | undefined> => {
    try {
      return await visit(name, at.below);
    } catch (error) {
      // An unknown recipe is a usage error on the command line, and a recipe error in `needs`.
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'usage') throw error;
      problems.push({ ...at.need.position, message: error.message });
      return undefined;
    }
  };

  const rootStage = await visit({ package: root.package, line: root.line }, []);
  if (problems.length > 0 || rootStage === undefined) throw new RecipeError(problems);
  return { root: rootStage, stages: [...rootStage.closure, rootStage] };
}

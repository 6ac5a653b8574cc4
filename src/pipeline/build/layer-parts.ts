import { UsageError } from '../../core/errors.js';
import type { LayerSpec, Recipe, SmokeSpec } from '../../recipe/recipe.js';
import type { Runtime } from '../../runtime/runtime.js';
import { runtimeOf } from '../../runtime/runtimes.js';

/** The parts of a recipe from which a layer is made. */
export interface LayerParts {
  readonly layer: LayerSpec;
  readonly smoke: SmokeSpec;
  readonly runtime: Runtime;
}

/** Returns the parts of a recipe's layer. Throws UsageError for a library or a tool, RecipeError for an unknown runtime. */
export function layerParts(recipe: Recipe): LayerParts {
  const { layer, smoke } = recipe;
  if (layer === undefined || smoke === undefined) {
    throw new UsageError(`${recipe.name} is a ${recipe.kind}: no layer is made from it`, {
      hint: 'Name an interpreter; `layersmith recipes` lists them.',
    });
  }
  return { layer, smoke, runtime: runtimeOf(layer) };
}

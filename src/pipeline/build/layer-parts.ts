import { UsageError } from '../../core/errors.js';
import type { LayerSpec, Recipe, SmokeSpec } from '../../recipe/recipe.js';
import type { Runtime } from '../../runtime/runtime.js';
import { runtimeOf } from '../../runtime/runtimes.js';

/** What makes a recipe one of a layer. */
export interface LayerParts {
  readonly layer: LayerSpec;
  readonly smoke: SmokeSpec;
  readonly runtime: Runtime;
}

/** Throws UsageError for a library or a tool, RecipeError for a runtime that does not exist. */
export function layerParts(recipe: Recipe): LayerParts {
  const { layer, smoke } = recipe;
  if (layer === undefined || smoke === undefined) {
    throw new UsageError(`${recipe.name} is a ${recipe.kind}: no layer is made of it`, {
      hint: 'Name an interpreter; `layersmith recipes` says which they are.',
    });
  }
  return { layer, smoke, runtime: runtimeOf(layer) };
}

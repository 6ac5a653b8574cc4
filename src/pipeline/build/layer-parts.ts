import { bootstrapFor } from '../../runtime/bootstrap.js';
import { UsageError } from '../../core/errors.js';
import type { LayerSpec, Recipe, SmokeSpec } from '../../recipe/recipe.js';

/** What makes a recipe one of a layer. */
export interface LayerParts {
  readonly layer: LayerSpec;
  readonly smoke: SmokeSpec;
  /** The generated `bootstrap`. */
  readonly bootstrap: string;
}

/** Throws UsageError for a library or a tool. */
export function layerParts(recipe: Recipe): LayerParts {
  const { layer, smoke } = recipe;
  if (layer === undefined || smoke === undefined) {
    throw new UsageError(`${recipe.name} is a ${recipe.kind}: no layer is made of it`, {
      hint: 'Name an interpreter; `layersmith recipes` says which they are.',
    });
  }
  return { layer, smoke, bootstrap: bootstrapFor(layer.interpreter) };
}

import { join } from 'node:path';
import { RecipeError } from '../core/errors.js';
import { didYouMean } from '../core/nearest-names.js';
import type { LayerSpec } from '../recipe/recipe.js';
import { luaRuntime } from './lua/lua-runtime.js';
import { phpRuntime } from './php/php-runtime.js';
import type { Runtime } from './runtime.js';

/** All languages for which layersmith can build a layer. Add new ones here. */
export const RUNTIMES: readonly Runtime[] = [phpRuntime, luaRuntime];

/** Returns the folder with the source files of all runtimes, in layersmith's installation folder. */
export function runtimesFolder(packageRoot: string): string {
  return join(packageRoot, 'runtimes');
}

/** Returns the runtime of that name. Undefined if it does not exist. */
export function runtimeNamed(name: string, runtimes: readonly Runtime[] = RUNTIMES): Runtime | undefined {
  return runtimes.find((runtime) => runtime.name === name);
}

/** Returns the runtime that a recipe names. Throws RecipeError with similar names if it does not exist. */
export function runtimeOf(
  { interpreter, position }: LayerSpec,
  runtimes: readonly Runtime[] = RUNTIMES,
): Runtime {
  const runtime = runtimeNamed(interpreter, runtimes);
  if (runtime !== undefined) return runtime;
  const names = runtimes.map(({ name }) => name);
  throw new RecipeError(
    [{ ...position, message: `unknown runtime '${interpreter}'.${didYouMean(interpreter, names)}` }],
    { hint: `The runtimes are ${names.join(' and ')}.` },
  );
}

import { join } from 'node:path';
import { RecipeError } from '../core/errors.js';
import { didYouMean } from '../core/nearest-names.js';
import type { LayerSpec } from '../recipe/recipe.js';
import { luaRuntime } from './lua/lua-runtime.js';
import { phpRuntime } from './php/php-runtime.js';
import type { Runtime } from './runtime.js';

/** Every language that layersmith can make a layer for. A new one is added here. */
export const RUNTIMES: readonly Runtime[] = [phpRuntime, luaRuntime];

/** The folder with the source files of all runtimes, in the folder of layersmith itself. */
export function runtimesFolder(packageRoot: string): string {
  return join(packageRoot, 'runtimes');
}

/** The runtime of that name; undefined where there is none. */
export function runtimeNamed(name: string, runtimes: readonly Runtime[] = RUNTIMES): Runtime | undefined {
  return runtimes.find((runtime) => runtime.name === name);
}

/** The runtime that a recipe names. Throws RecipeError, with the nearest names, for one that does not exist. */
export function runtimeOf(
  { interpreter, position }: LayerSpec,
  runtimes: readonly Runtime[] = RUNTIMES,
): Runtime {
  const runtime = runtimeNamed(interpreter, runtimes);
  if (runtime !== undefined) return runtime;
  const names = runtimes.map(({ name }) => name);
  throw new RecipeError(
    [{ ...position, message: `there is no runtime '${interpreter}'.${didYouMean(interpreter, names)}` }],
    { hint: `The runtimes are ${names.join(' and ')}.` },
  );
}

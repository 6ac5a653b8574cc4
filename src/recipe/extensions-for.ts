import { UsageError, type Problem } from '../core/errors.js';
import type { RecipeLibrary } from './recipe-library.js';
import type { Recipe } from './recipe.js';

/** The extensions of an interpreter, sorted by name. */
export interface ExtensionsFor {
  /** Those that a layer can have, with the line that a name alone means. */
  readonly choosable: readonly Recipe[];
  /** Those that are compiled into it. */
  readonly compiledIn: readonly string[];
  /** Those that do not support its version, or call functions of extensions that it does not have. */
  readonly unsupported: readonly { readonly name: string; readonly reason: string }[];
  /** The problems in the files of others. */
  readonly problems: readonly Problem[];
}

/** Finds the extensions for a line of an interpreter. */
export async function extensionsFor(interpreter: Recipe, library: RecipeLibrary): Promise<ExtensionsFor> {
  const { extensions = [], parts = [] } = interpreter.layer ?? {};
  const compiledIn = [...extensions].sort();
  const choosable: Recipe[] = [];
  const unsupported: { name: string; reason: string }[] = [];
  const problems: Problem[] = [];
  for (const name of await library.packages('extension')) {
    if (compiledIn.includes(name) || parts.includes(name)) continue;
    if ((await library.interpreterOf(name)) !== interpreter.package) continue;
    try {
      const result = await library.load({ package: name, line: undefined }, interpreter);
      if ('problems' in result) {
        problems.push(...result.problems);
        continue;
      }
      const absent = (result.recipe.extension?.requires ?? []).filter((other) => !compiledIn.includes(other));
      if (absent.length === 0) choosable.push(result.recipe);
      else unsupported.push({ name, reason: `${name} requires ${absent.join(', ')}` });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      unsupported.push({ name, reason: error.message });
    }
  }
  return { choosable, compiledIn, unsupported, problems };
}

import { join } from 'node:path';
import { COMMANDS } from './commands.js';
import type { Io } from './io.js';

/** The flag with which the script of `layersmith completion` requests completions. Defined by yargs. */
export const COMPLETION_FLAG = '--get-yargs-completions';

/** Commands whose first argument may be a recipe: `[recipe]`, `<targets..>`. */
const TAKE_A_RECIPE = COMMANDS.filter(({ args = '' }) => /\b(recipe|targets?|names)\b/.test(args)).map(
  ({ name }) => name,
);

/**
 * Returns the values that yargs does not know: recipes and platforms. Undefined where yargs completes by itself: commands,
 * flags, choices. `words` is the command line up to the cursor, starting with the program.
 */
export async function completionValues(
  words: readonly string[],
  io: Io,
): Promise<readonly string[] | undefined> {
  const [, name = ''] = words;
  const current = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  if (words.length <= 2 || current.startsWith('-')) return undefined;
  const takesRecipe = before === '--recipe' || (!before.startsWith('-') && TAKE_A_RECIPE.includes(name));
  if (!takesRecipe && before !== '--platform') return undefined;
  const { openLibrary, platformFolders } = await import('./session.js');
  if (takesRecipe) return (await openLibrary(io, [])).names();
  const { platformNames } = await import('../platform/platform.js');
  return platformNames(await platformFolders(io));
}

/**
 * Returns the end of the completion script. Shells complete arguments only for a command that they know. With npx there is
 * no `layersmith` on the PATH, so the script defines it as a function that runs this installation.
 */
export function commandForCompletion(io: Io): string {
  const main = `'${join(io.packageRoot, 'build', 'cli', 'main.js').replaceAll("'", `'\\''`)}'`;
  const isFish = io.env['SHELL']?.includes('fish') === true;
  return isFish
    ? `command -q layersmith; or function layersmith; node ${main} $argv; end\n`
    : `command -v layersmith >/dev/null || layersmith() { node ${main} "$@"; }\n`;
}

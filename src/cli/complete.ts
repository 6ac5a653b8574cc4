import { join } from 'node:path';
import { COMMANDS } from './commands.js';
import type { Io } from './io.js';

/** The flag with which the script of `layersmith completion` requests completions. Defined by yargs. */
export const COMPLETION_FLAG = '--get-yargs-completions';

/**
 * Returns the values that yargs does not know: recipes, layers of layersmith.yaml, extensions and platforms. Undefined where
 * yargs completes by itself: commands, flags, choices. `words` is the command line up to the cursor, starting with the program.
 */
export async function completionValues(
  words: readonly string[],
  io: Io,
): Promise<readonly string[] | undefined> {
  const [, name = ''] = words;
  const current = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  if (words.length <= 2 || current.startsWith('-')) return undefined;
  if (before === '--platform') {
    const { platformNames } = await import('../platform/platform.js');
    const { platformFolders } = await import('./session.js');
    return platformNames(await platformFolders(io));
  }
  if (before === '--recipe') return recipeNames(io);
  if (before === '--with') return extensionNames(io, current);
  if (before === '--layer' || before === '-l') return layerNames(io);
  if (before.startsWith('-')) return undefined;
  const { takes } = COMMANDS.find((entry) => entry.name === name) ?? {};
  if (takes === undefined) return undefined;
  return [
    ...(takes.includes('layers') ? await layerNames(io) : []),
    ...(takes.includes('recipes') ? await recipeNames(io) : []),
  ];
}

async function recipeNames(io: Io): Promise<readonly string[]> {
  const { openLibrary } = await import('./session.js');
  return (await openLibrary(io, [])).names();
}

async function layerNames(io: Io): Promise<readonly string[]> {
  const { findProject } = await import('../definition/project.js');
  return (await findProject(io.cwd)).layers.map(({ name }) => name);
}

/** Returns the names of extensions, each after the others of a list: `redis,in` becomes `redis,intl`. */
async function extensionNames(io: Io, current: string): Promise<readonly string[]> {
  const { openLibrary } = await import('./session.js');
  const names = await (await openLibrary(io, [])).packages('extension');
  const others = current.slice(0, current.lastIndexOf(',') + 1);
  return names.map((name) => `${others}${name}`);
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

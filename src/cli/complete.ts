import { ARCHITECTURES, platformNames } from '../platform/platform.js';
import { TOOLCHAIN_KINDS } from '../toolchain/toolchain.js';
import type { Io } from './io.js';
import { openLibrary, platformFolders } from './session.js';

const COMMANDS = [
  'build',
  'plan',
  'fetch',
  'test',
  'invoke',
  'serve',
  'recipes',
  'doctor',
  'clean',
  'completion',
];
const TAKE_A_RECIPE = ['build', 'plan', 'fetch', 'recipes'];
/** Flags whose value only the shell can complete (a file), or nobody. */
const FREE_VALUE =
  /^(-o|--(output|store|sources|recipes|registry|jobs|memory|older-than|max-size|function|handler|event|env|timeout|repeat|client-context|port))$/;

/**
 * What a shell offers for the last of the words, the first of which is the program: commands, flags, recipes,
 * or the values of a flag. Nothing where a file name belongs, which the shell itself completes.
 */
export async function complete(
  line: readonly string[],
  {
    io,
    flags,
  }: { readonly io: Io; readonly flags: (words: readonly string[]) => Promise<readonly string[]> },
): Promise<readonly string[]> {
  const words = line.slice(1);
  const current = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const offer = async (): Promise<readonly string[]> => {
    if (words.length <= 1 && !current.startsWith('-')) return COMMANDS;
    if (current.startsWith('-')) return flags(words);
    if (before === '--platform') return platformNames(await platformFolders(io));
    if (before === '--arch') return ARCHITECTURES;
    if (before === '--toolchain') return TOOLCHAIN_KINDS;
    if (FREE_VALUE.test(before)) return [];
    if (before !== '--recipe' && !TAKE_A_RECIPE.includes(words[0] ?? '')) return [];
    return (await openLibrary(io, [])).names();
  };
  return (await offer()).filter((name) => name.startsWith(current));
}

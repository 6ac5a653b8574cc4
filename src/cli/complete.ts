import { platformNames } from '../platform/platform.js';
import { openLibrary, platformsFolder } from './session.js';
import type { Io } from './io.js';

const COMMANDS = ['build', 'plan', 'fetch', 'test', 'recipes', 'doctor', 'clean', 'completion'];

/** What a shell offers after the words typed so far: commands, then recipes, or platforms after --platform. */
export async function complete(words: readonly string[], current: string, io: Io): Promise<string[]> {
  const typed = words.filter((word) => word !== 'layersmith');
  const before = typed.at(-1) === current ? typed.at(-2) : typed.at(-1);
  const offer = async (): Promise<readonly string[]> => {
    if (before === '--platform') return platformNames(platformsFolder(io));
    if (before === '--arch') return ['x86_64', 'arm64'];
    if (before === '--toolchain') return ['amazonlinux', 'debian'];
    if (typed[0] === undefined || typed[0] === current) return COMMANDS;
    return (await openLibrary(io, [])).names();
  };
  return (await offer()).filter((name) => name.startsWith(current));
}

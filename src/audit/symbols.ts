import { ElfError } from '../elf/elf-bytes.js';
import { readDynamicSymbols, type ElfSymbol } from '../elf/read-symbols.js';
import { openEntry } from '../tree/open-entry.js';
import type { ElfFact } from './layer-facts.js';

/** Reads the dynamic symbols of a file. Returns none for a damaged file, which another rule reports. */
export async function dynamicSymbolsOf({ entry }: ElfFact): Promise<readonly ElfSymbol[]> {
  await using file = await openEntry(entry);
  try {
    return await readDynamicSymbols(file);
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

const SHOWN = 3;

/** Formats symbols for a message: `arc4random, fork, pause and 3 more`. */
export function listSymbols(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

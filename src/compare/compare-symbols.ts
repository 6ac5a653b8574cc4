import type { TreeEntry } from '../tree/tree-entry.js';
import { ElfError } from '../elf/elf-bytes.js';
import { openEntry } from '../tree/open-entry.js';
import { readElf } from '../elf/read-elf.js';
import { readDynamicSymbols } from '../elf/read-symbols.js';

/** Differences in what an ELF file imports and exports in two trees. */
export interface SymbolChanges {
  readonly path: string;
  /** `library libz.so.1`, `needs arc4random@GLIBC_2.36 of libc.so.6`, `offers zend_eval_string`. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Compares the dynamic symbols and libraries of the ELF files that both trees contain. */
export async function compareSymbols(
  a: readonly TreeEntry[],
  b: readonly TreeEntry[],
): Promise<readonly SymbolChanges[]> {
  const second = new Map(b.map((entry) => [entry.path, entry]));
  const changes: SymbolChanges[] = [];
  for (const entry of a) {
    const other = second.get(entry.path);
    if (entry.type !== 'file' || other?.type !== 'file') continue;
    const [before, after] = [await interfaceOf(entry), await interfaceOf(other)];
    const added = [...after].filter((each) => !before.has(each)).sort();
    const removed = [...before].filter((each) => !after.has(each)).sort();
    if (added.length + removed.length > 0) changes.push({ path: entry.path, added, removed });
  }
  return changes;
}

/** Returns the imports and exports of a file. Empty for a file that is not ELF or is damaged. */
async function interfaceOf(entry: TreeEntry & { readonly type: 'file' }): Promise<ReadonlySet<string>> {
  await using file = await openEntry(entry);
  try {
    const elf = await readElf(file);
    if (elf.kind !== 'elf64') return new Set();
    const symbols = await readDynamicSymbols(file);
    return new Set([
      ...elf.needed.map((soname) => `library ${soname}`),
      ...symbols.map(({ name, version, library, defined }) => {
        const full = version === undefined ? name : `${name}@${version}`;
        return defined ? `offers ${full}` : `needs ${full}${library === undefined ? '' : ` of ${library}`}`;
      }),
    ]);
  } catch (error) {
    if (error instanceof ElfError) return new Set();
    throw error;
  }
}

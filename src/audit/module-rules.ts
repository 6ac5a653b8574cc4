import type { ElfSymbol } from '../elf/read-symbols.js';
import type { AbiProfile } from '../platform/abi-profile.js';
import { findLibraries } from './find-libraries.js';
import type { ElfFact, LayerFacts } from './layer-facts.js';
import type { Finding } from './rules.js';
import { dynamicSymbolsOf, listSymbols } from './symbols.js';

/** The functions and data by which a loader asks a module for itself, in that module alone (dlsym(3) with its handle). */
const ENTRY_POINTS = new Set([
  'get_module',
  'zend_extension_entry',
  'extension_version_info',
  '_init',
  '_fini',
]);

/**
 * Checks modules: the libraries that no file needs, which a program loads by itself, such as PHP's extensions. They take what they
 * do not define from the program, from its libraries and from other modules. A symbol of which there are two copies may be
 * taken from the wrong one.
 */
export async function moduleFindings(facts: LayerFacts, profile: AbiProfile): Promise<readonly Finding[]> {
  const files = [...facts.elfs.values()].filter(({ elf }) => elf.dynamic);
  const needs = findLibraries(facts, profile);
  const needed = new Set(needs.map(({ inLayer }) => inLayer));
  const modules = files.filter((file) => !file.elf.program && !needed.has(file));
  // Without a program it is not known what loads them.
  if (modules.length === 0 || !files.some(({ elf }) => elf.program)) return [];
  const symbols = new Map<ElfFact, readonly ElfSymbol[]>();
  for (const file of files) symbols.set(file, await dynamicSymbolsOf(file));
  const exporters = new Map<string, ElfFact[]>();
  for (const [file, list] of symbols) {
    for (const { name, defined } of list) {
      if (defined && !ENTRY_POINTS.has(name)) exporters.set(name, [...(exporters.get(name) ?? []), file]);
    }
  }
  // Symbols of a library that the layer does not have are another rule's matter.
  const isComplete = (file: ElfFact): boolean =>
    needs.every(
      ({ neededBy, inLayer, onPlatform, soname }) =>
        neededBy.at(-1) !== file || inLayer !== undefined || (onPlatform && profile.libraries.has(soname)),
    );
  return modules.flatMap((file) => {
    const own = symbols.get(file) ?? [];
    const missing = own.filter(
      ({ name, defined, weak, version }) =>
        !defined && !weak && version === undefined && !exporters.has(name),
    );
    return [
      ...(missing.length === 0 || !isComplete(file) ? [] : [undefinedSymbols(file, missing)]),
      ...secondCopies(file, { own, exporters, modules }),
    ];
  });
}

function undefinedSymbols({ path }: ElfFact, missing: readonly ElfSymbol[]): Finding {
  const names = missing.map(({ name }) => name).sort();
  return {
    rule: 'undefined-symbol',
    severity: 'error',
    path,
    symbols: names,
    message: `nothing in the layer or on the platform defines ${listSymbols(names)}`,
    remedy: 'Link the library that defines it, or add the extension that does.',
  };
}

/** Reports the symbols that a module exports and that another file exports as well, one finding for each such file. */
function secondCopies(
  file: ElfFact,
  {
    own,
    exporters,
    modules,
  }: {
    readonly own: readonly ElfSymbol[];
    readonly exporters: ReadonlyMap<string, readonly ElfFact[]>;
    readonly modules: readonly ElfFact[];
  },
): readonly Finding[] {
  const byOther = new Map<string, string[]>();
  for (const { name, defined } of own) {
    if (!defined) continue;
    for (const other of exporters.get(name) ?? []) {
      // Of two modules, only the second is reported.
      if (other === file || (modules.includes(other) && other.path > file.path)) continue;
      byOther.set(other.path, [...(byOther.get(other.path) ?? []), name]);
    }
  }
  return [...byOther].map(([other, names]) => ({
    rule: 'second-copy' as const,
    severity: 'error' as const,
    path: file.path,
    symbols: names.sort(),
    message: `exports ${listSymbols(names)}, as ${other} does: one may use the other's copy`,
    remedy: 'Link its libraries with -Wl,--exclude-libs,ALL, or leave them out and use those of the program.',
  }));
}

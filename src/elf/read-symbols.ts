import { ElfError, readTable, type RandomAccess } from './elf-bytes.js';
import { readDynamicSection, readHeader, readSegments, type DynamicSection } from './elf-file.js';
import { readVersionDefinitions, readVersionNeeds } from './version-tables.js';

/** A symbol that a file imports or exports. */
export interface ElfSymbol {
  readonly name: string;
  /** `GLIBC_2.34`; undefined for a symbol without a version. */
  readonly version: string | undefined;
  /** The library that must provide the version; undefined for a symbol that the file defines. */
  readonly library: string | undefined;
  readonly defined: boolean;
  readonly weak: boolean;
}

const DT_HASH = 4;
const DT_SYMTAB = 6;
const DT_GNU_HASH = 0x6ffffef5;
const DT_VERSYM = 0x6ffffff0;
/** The tags of a table's address and of its size in bytes. */
const DT_RELA = [7, 8] as const;
const DT_JMPREL = [23, 2] as const;
const RELA_BYTES = 24;
const SYMBOL_BYTES = 24;
const STB_LOCAL = 0;
const STB_WEAK = 2;
/** PHP with every extension has a few thousand; a hostile file can claim any number. */
const MAX_SYMBOLS = 1_000_000;

/**
 * Reads the global and weak symbols of a file's dynamic symbol table, with their versions. Returns none for a file without
 * that table, and for any file that is not ELF64. The number of symbols comes from the hash table, as in the loader, since
 * section headers may be stripped. Throws `ElfError` for a file that violates the format.
 */
export async function readDynamicSymbols(file: RandomAccess): Promise<readonly ElfSymbol[]> {
  const header = await readHeader(file);
  if (header.kind !== 'elf64') return [];
  const dynamic = await readDynamicSection(file, await readSegments(file, header.table));
  const address = dynamic.value(DT_SYMTAB);
  if (address === undefined) return [];
  const count = await countSymbols(file, dynamic);
  if (count === 0) return [];
  if (count > MAX_SYMBOLS) throw new ElfError(`dynamic symbols: too many (${count})`);
  const symbols = await readTable(file, {
    offset: dynamic.place(address).offset,
    length: count * SYMBOL_BYTES,
    what: 'dynamic symbols',
  });
  const versym = dynamic.value(DT_VERSYM);
  const versions =
    versym === undefined
      ? undefined
      : await readTable(file, {
          offset: dynamic.place(versym).offset,
          length: count * 2,
          what: 'symbol versions',
        });
  const needs = new Map((await readVersionNeeds(file, dynamic)).map((need) => [need.index, need]));
  const definitions = new Map(
    (await readVersionDefinitions(file, dynamic)).map(({ index, version, base }) => [
      index,
      base ? undefined : version,
    ]),
  );
  const found: ElfSymbol[] = [];
  for (let i = 1; i < count; i++) {
    const at = i * SYMBOL_BYTES;
    const binding = (symbols.u16(at + 4) & 0xff) >> 4;
    if (binding === STB_LOCAL) continue;
    const index = (versions?.u16(i * 2) ?? 1) & 0x7fff;
    const need = needs.get(index);
    const defined = symbols.u16(at + 6) !== 0;
    found.push({
      name: dynamic.text(symbols.u32(at)),
      version: need?.version ?? definitions.get(index),
      library: need?.library,
      defined,
      weak: binding === STB_WEAK,
    });
  }
  return found;
}

async function countSymbols(file: RandomAccess, dynamic: DynamicSection): Promise<number> {
  const sysv = dynamic.value(DT_HASH);
  if (sysv !== undefined) {
    const { offset } = dynamic.place(sysv);
    return (await readTable(file, { offset, length: 8, what: 'hash table' })).u32(4);
  }
  const gnu = dynamic.value(DT_GNU_HASH);
  const hashed = gnu === undefined ? undefined : await countByGnuHash(file, dynamic.place(gnu));
  return hashed ?? countByRelocations(file, dynamic);
}

/**
 * Counts the symbols that relocations refer to. A file that exports nothing has no symbol in its GNU hash table, and its
 * number of symbols is recorded nowhere else.
 */
async function countByRelocations(file: RandomAccess, dynamic: DynamicSection): Promise<number> {
  let count = 0;
  for (const [addressTag, sizeTag] of [DT_RELA, DT_JMPREL]) {
    const [address, length] = [dynamic.value(addressTag), dynamic.value(sizeTag)];
    if (address === undefined || length === undefined) continue;
    const { offset } = dynamic.place(address);
    const table = await readTable(file, { offset, length, what: 'relocations' });
    // The symbol is the upper half of r_info.
    for (let at = 0; at + RELA_BYTES <= table.size; at += RELA_BYTES)
      count = Math.max(count, table.u32(at + 12) + 1);
  }
  return count;
}

/**
 * Counts the symbols of a GNU hash table. Symbols are sorted by bucket, so the end of the last bucket's chain is the last
 * symbol. Returns undefined if the table has no symbols.
 */
async function countByGnuHash(
  file: RandomAccess,
  { offset, left }: { readonly offset: number; readonly left: number },
): Promise<number | undefined> {
  const what = 'GNU hash table';
  const header = await readTable(file, { offset, length: 16, what });
  const [buckets, first, bloom] = [header.u32(0), header.u32(4), header.u32(8)];
  const bucketsAt = 16 + bloom * 8;
  const chainsAt = bucketsAt + buckets * 4;
  if (chainsAt > left) throw new ElfError(`${what}: ${buckets} buckets exceed the segment`);
  const table = await readTable(file, {
    offset: offset + bucketsAt,
    length: buckets * 4,
    what,
  });
  let last = 0;
  for (let i = 0; i < buckets; i++) last = Math.max(last, table.u32(i * 4));
  if (last === 0) return undefined;
  if (last < first) throw new ElfError(`${what}: symbol ${last} is before its first, ${first}`);
  // The symbols of all other buckets come before the last chain.
  const start = chainsAt + (last - first) * 4;
  const length = Math.min(left - start, file.size - offset - start, MAX_SYMBOLS * 4);
  const chain = await readTable(file, { offset: offset + start, length, what });
  for (let i = 0; i * 4 < chain.size; i++) if ((chain.u32(i * 4) & 1) === 1) return last + i + 1;
  throw new ElfError(`${what}: the last chain has no end`);
}

import { ElfError, readTable, type ElfTable, type RandomAccess } from './elf-bytes.js';
import type { DynamicSection } from './elf-file.js';

/** A symbol version that a file needs from a library: `GLIBC_2.34` of `libc.so.6`. */
export interface VersionNeed {
  readonly library: string;
  readonly version: string;
  /** The loader only warns when a weak version is missing. */
  readonly weak: boolean;
  /** The index by which symbols refer to it. */
  readonly index: number;
}

/** A symbol version that a file defines. */
export interface VersionDefinition {
  readonly version: string;
  readonly index: number;
  /** Whether it is the name of the file itself instead of a version. */
  readonly base: boolean;
}

const DT_VERDEF = 0x6ffffffc;
const DT_VERDEFNUM = 0x6ffffffd;
const DT_VERNEED = 0x6ffffffe;
const DT_VERNEEDNUM = 0x6fffffff;

const MAX_VERSIONS = 8192;

/** Reads the symbol versions that a file needs (LSB Core, "Symbol Version Requirements"). */
export async function readVersionNeeds(file: RandomAccess, dynamic: DynamicSection): Promise<VersionNeed[]> {
  const table = await tableOf(file, dynamic, { tag: DT_VERNEED, what: 'version needs' });
  if (table === undefined) return [];
  const found: VersionNeed[] = [];
  const step = limited('version needs');
  let at = 0;
  for (let left = dynamic.value(DT_VERNEEDNUM) ?? 0; left > 0; left--) {
    step();
    const library = dynamic.text(table.u32(at + 4));
    let aux = at + table.u32(at + 8);
    for (let auxLeft = table.u16(at + 2); auxLeft > 0; auxLeft--) {
      step();
      const version = dynamic.text(table.u32(aux + 8));
      found.push({
        library,
        version,
        weak: (table.u16(aux + 4) & 2) !== 0,
        index: table.u16(aux + 6) & 0x7fff,
      });
      const next = table.u32(aux + 12);
      if (next === 0) break;
      aux += next;
    }
    const next = table.u32(at + 12);
    if (next === 0) break;
    at += next;
  }
  return found;
}

/** Reads the symbol versions that a file defines (LSB Core, "Symbol Version Definitions"). */
export async function readVersionDefinitions(
  file: RandomAccess,
  dynamic: DynamicSection,
): Promise<VersionDefinition[]> {
  const table = await tableOf(file, dynamic, { tag: DT_VERDEF, what: 'version definitions' });
  if (table === undefined) return [];
  const found: VersionDefinition[] = [];
  const step = limited('version definitions');
  let at = 0;
  for (let left = dynamic.value(DT_VERDEFNUM) ?? 0; left > 0; left--) {
    step();
    // The first name is the version's own; the others are the versions that it inherits from.
    if (table.u16(at + 6) > 0) {
      const version = dynamic.text(table.u32(at + table.u32(at + 12)));
      found.push({ version, index: table.u16(at + 4) & 0x7fff, base: (table.u16(at + 2) & 1) !== 0 });
    }
    const next = table.u32(at + 16);
    if (next === 0) break;
    at += next;
  }
  return found;
}

/** Reads a table whose size the file does not record: enough for twice MAX_VERSIONS entries of 16 bytes. */
async function tableOf(
  file: RandomAccess,
  dynamic: DynamicSection,
  { tag, what }: { readonly tag: number; readonly what: string },
): Promise<ElfTable | undefined> {
  const address = dynamic.value(tag);
  if (address === undefined) return undefined;
  const { offset, left } = dynamic.place(address);
  const length = Math.min(left, file.size - offset, MAX_VERSIONS * 32);
  return readTable(file, { offset, length, what });
}

/** Limits the number of entries that are read, so that entries that form a cycle come to an end. */
function limited(what: string): () => void {
  let looked = 0;
  return () => {
    if (++looked > MAX_VERSIONS) throw new ElfError(`${what}: too many`);
  };
}

import type { RandomAccess } from './elf-bytes.js';
import { readDynamicSection, readHeader, readSegment, readSegments } from './elf-file.js';
import { readVersionDefinitions, readVersionNeeds, type VersionNeed } from './version-tables.js';

/** The properties of an ELF64 file that matter to the loader. */
export interface Elf64 {
  readonly kind: 'elf64';
  /** e_type: 1 object, 2 program at a fixed address, 3 shared object or PIE. */
  readonly type: number;
  /** e_machine: 62 x86_64, 183 arm64. */
  readonly machine: number;
  readonly interpreter: string | undefined;
  /** Whether it can be executed: it has a fixed address or an interpreter, or is marked as a PIE. */
  readonly program: boolean;
  /** Whether it is a program that can be loaded at any address. */
  readonly pie: boolean;
  /** Whether it has a dynamic section. */
  readonly dynamic: boolean;
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  readonly textRelocations: boolean;
  readonly bindNow: boolean;
  /** Undefined without PT_GNU_STACK: the default then depends on the machine. */
  readonly executableStack: boolean | undefined;
  readonly relro: boolean;
  readonly versionNeeds: readonly VersionNeed[];
  /** Does not include the name of the file itself. */
  readonly versionDefinitions: readonly string[];
}

/** The result of `readElf`: not an ELF file, an ELF file that Lambda cannot load (32-bit or big-endian), or an ELF64 file. */
export type ElfReading =
  | { readonly kind: 'not-elf' }
  | { readonly kind: 'foreign'; readonly bits: number; readonly bigEndian: boolean }
  | Elf64;

const PT = { interpreter: 3, stack: 0x6474e551, relro: 0x6474e552 } as const;
const DT = {
  needed: 1,
  soname: 14,
  rpath: 15,
  textrel: 22,
  bindNow: 24,
  runpath: 29,
  flags: 30,
  flags1: 0x6ffffffb,
} as const;
const DF = { textrel: 4, bindNow: 8 } as const;
const DF_1 = { now: 1, pie: 0x08000000 } as const;
const ET = { program: 2, shared: 3 } as const;

/**
 * Reads the headers and the dynamic section of a file (System V gABI, "Dynamic Linking"; LSB "Symbol Versioning"). It uses
 * only the program headers, as the loader does. Throws `ElfError` for a file that violates the format.
 */
export async function readElf(file: RandomAccess): Promise<ElfReading> {
  const header = await readHeader(file);
  if (header.kind !== 'elf64') return header;
  const segments = await readSegments(file, header.table);
  const dynamic = await readDynamicSection(file, segments);
  const found = segments.find(({ type }) => type === PT.interpreter);
  const interpreter =
    found === undefined ? undefined : (await readSegment(file, found, 'interpreter')).text(0);
  const stack = segments.find(({ type }) => type === PT.stack);
  const optional = (tag: number): string | undefined => {
    const offset = dynamic.value(tag);
    return offset === undefined ? undefined : dynamic.text(offset);
  };
  const [flags, flags1] = [dynamic.value(DT.flags) ?? 0, dynamic.value(DT.flags1) ?? 0];
  const type = header.table.u16(16);
  const pie = type === ET.shared && (interpreter !== undefined || (flags1 & DF_1.pie) !== 0);
  return {
    kind: 'elf64',
    type,
    machine: header.table.u16(18),
    interpreter,
    program: pie || type === ET.program,
    pie,
    dynamic: dynamic.present,
    needed: dynamic.values(DT.needed).map((offset) => dynamic.text(offset)),
    soname: optional(DT.soname),
    rpath: optional(DT.rpath),
    runpath: optional(DT.runpath),
    textRelocations: dynamic.value(DT.textrel) !== undefined || (flags & DF.textrel) !== 0,
    bindNow:
      dynamic.value(DT.bindNow) !== undefined || (flags & DF.bindNow) !== 0 || (flags1 & DF_1.now) !== 0,
    executableStack: stack === undefined ? undefined : (stack.flags & 1) !== 0,
    relro: segments.some((segment) => segment.type === PT.relro),
    versionNeeds: await readVersionNeeds(file, dynamic),
    versionDefinitions: (await readVersionDefinitions(file, dynamic))
      .filter(({ base }) => !base)
      .map(({ version }) => version),
  };
}

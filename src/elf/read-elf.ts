import type { RandomAccess } from './elf-bytes.js';
import { readDynamicSection, readHeader, readSegment, readSegments } from './elf-file.js';
import { readVersionDefinitions, readVersionNeeds, type VersionNeed } from './version-tables.js';

/** What the loader would read of an ELF64 file. */
export interface Elf64 {
  readonly kind: 'elf64';
  /** e_type: 1 object, 2 program at a fixed address, 3 shared object or PIE. */
  readonly type: number;
  /** e_machine: 62 x86_64, 183 arm64. */
  readonly machine: number;
  readonly interpreter: string | undefined;
  /** It is there to be started: at a fixed address, or with an interpreter, or said to be a PIE. */
  readonly program: boolean;
  /** A program that can be loaded at any address. */
  readonly pie: boolean;
  /** It has a dynamic section. */
  readonly dynamic: boolean;
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  readonly textRelocations: boolean;
  readonly bindNow: boolean;
  /** Undefined without PT_GNU_STACK: the kernel then decides by machine. */
  readonly executableStack: boolean | undefined;
  readonly relro: boolean;
  readonly versionNeeds: readonly VersionNeed[];
  /** Without the name of the file itself. */
  readonly versionDefinitions: readonly string[];
}

/** What `readElf` found: `not-elf`, an ELF that Lambda has no loader for (32-bit or big-endian), or an ELF64. */
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
 * Reads the headers and the dynamic section of a file (System V gABI, "Dynamic Linking"; LSB "Symbol Versioning"),
 * through the program headers alone, as the loader does. Throws `ElfError` for a file that breaks the format.
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

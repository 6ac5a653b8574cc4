import { ElfError, readTable, type ElfTable, type RandomAccess } from './elf-bytes.js';

/** The identification and the header of a file. */
export type ElfHeader =
  | { readonly kind: 'not-elf' }
  | { readonly kind: 'foreign'; readonly bits: number; readonly bigEndian: boolean }
  | { readonly kind: 'elf64'; readonly table: ElfTable };

/** A segment: one entry of the program headers. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
}

/** The dynamic section, which the loader finds through the program headers. */
export interface DynamicSection {
  /** Whether the file has a dynamic section with content. */
  readonly present: boolean;
  /** Returns the first value of a tag. */
  value(tag: number): number | undefined;
  /** Returns all values of a tag. */
  values(tag: number): readonly number[];
  /** Reads a text from the dynamic string table. */
  text(offset: number): string;
  /** Returns the file offset of a virtual address, and how many bytes of its segment follow. */
  place(address: number): { readonly offset: number; readonly left: number };
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const MAX_DYNAMIC_ENTRIES = 8192;

/** Reads the identification and the header of a file. Throws `ElfError` for an ELF file whose header is not complete. */
export async function readHeader(file: RandomAccess): Promise<ElfHeader> {
  if (file.size < 16) return { kind: 'not-elf' };
  const ident = await readTable(file, { offset: 0, length: 16, what: 'ELF identification' });
  if (ident.u32(0) !== 0x464c457f) return { kind: 'not-elf' };
  const [bits, order] = [ident.u16(4) & 0xff, ident.u16(4) >> 8];
  if (bits < 1 || bits > 2 || order < 1 || order > 2) {
    throw new ElfError(`ELF identification: class ${bits} and byte order ${order} do not exist`);
  }
  if (bits === 1 || order === 2) return { kind: 'foreign', bits: bits * 32, bigEndian: order === 2 };
  return { kind: 'elf64', table: await readTable(file, { offset: 0, length: 64, what: 'ELF header' }) };
}

/** Reads the program headers. */
export async function readSegments(file: RandomAccess, header: ElfTable): Promise<readonly Segment[]> {
  const [size, count] = [header.u16(54), header.u16(56)];
  if (count === 0) return [];
  if (size !== 56) throw new ElfError(`ELF header: a program header of ${size} bytes, not 56`);
  const table = await readTable(file, {
    offset: header.u64(32),
    length: size * count,
    what: 'program headers',
  });
  return Array.from({ length: count }, (_, i) => ({
    type: table.u32(i * size),
    flags: table.u32(i * size + 4),
    offset: table.u64(i * size + 8),
    address: table.u64(i * size + 16),
    fileSize: table.u64(i * size + 32),
  }));
}

/** Reads the bytes of a segment. */
export function readSegment(file: RandomAccess, segment: Segment, what: string): Promise<ElfTable> {
  return readTable(file, { offset: segment.offset, length: segment.fileSize, what });
}

/** Reads the dynamic section and its string table. */
export async function readDynamicSection(
  file: RandomAccess,
  segments: readonly Segment[],
): Promise<DynamicSection> {
  const segment = segments.find(({ type }) => type === PT_DYNAMIC);
  const entries: { readonly tag: number; readonly value: number }[] = [];
  // Files with separate debug information keep the segment, without its bytes. They are never loaded.
  const present = segment !== undefined && segment.fileSize > 0;
  if (present) {
    const table = await readSegment(file, segment, 'dynamic section');
    for (let at = 0; at + 16 <= table.size && table.u64(at) !== 0; at += 16) {
      if (entries.length === MAX_DYNAMIC_ENTRIES) throw new ElfError('dynamic section: too many entries');
      entries.push({ tag: table.u64(at), value: table.u64(at + 8) });
    }
  }
  const value = (tag: number): number | undefined => entries.find((entry) => entry.tag === tag)?.value;
  const place = (address: number): { readonly offset: number; readonly left: number } => {
    const home = segments.find(
      (s) => s.type === PT_LOAD && address >= s.address && address < s.address + s.fileSize,
    );
    if (home === undefined)
      throw new ElfError(`dynamic section: address 0x${address.toString(16)} is in no loaded segment`);
    const into = address - home.address;
    return { offset: home.offset + into, left: home.fileSize - into };
  };
  const strtab = value(DT_STRTAB);
  const strings =
    strtab === undefined
      ? undefined
      : await readTable(file, {
          offset: place(strtab).offset,
          length: value(DT_STRSZ) ?? 0,
          what: 'dynamic strings',
        });
  return {
    present,
    value,
    values: (tag) => entries.filter((entry) => entry.tag === tag).map((entry) => entry.value),
    text(offset) {
      if (strings === undefined) throw new ElfError('dynamic section: names without a string table');
      return strings.text(offset);
    },
    place,
  };
}

import { ElfError, readTable, type RandomAccess } from './elf-bytes.js';
import { readHeader } from './elf-file.js';

/** A section that has content in the file. */
export interface ElfSection {
  readonly name: string;
  /** sh_type: 1 is content of the program, 2 symbols, 3 texts. */
  readonly type: number;
  /** sh_flags: 4 is code. */
  readonly flags: number;
  /** The offset in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** The address where it is loaded; 0 if it is not loaded. */
  readonly address: number;
}

const SHT_NULL = 0;
const SHT_NOBITS = 8;
const SHN_XINDEX = 0xffff;
const HEADER_BYTES = 64;

/** Lists the sections of an ELF64 file in order. Returns none for any other file, and for one without section headers. */
export async function readSections(file: RandomAccess): Promise<readonly ElfSection[]> {
  const header = await readHeader(file);
  if (header.kind !== 'elf64') return [];
  const offset = header.table.u64(40);
  if (offset === 0) return [];
  const size = header.table.u16(58);
  if (size !== HEADER_BYTES) throw new ElfError(`ELF header: a section header of ${size} bytes, not 64`);
  const what = 'section headers';
  const first = await readTable(file, { offset, length: HEADER_BYTES, what });
  // Numbers that are too large for the header are in the first section header (gABI, "Sections").
  const count = header.table.u16(60) || first.u64(32);
  const namesIndex = header.table.u16(62) === SHN_XINDEX ? first.u32(40) : header.table.u16(62);
  const table = await readTable(file, { offset, length: count * HEADER_BYTES, what });
  if (namesIndex >= count)
    throw new ElfError(`${what}: section ${namesIndex}, which holds their names, does not exist`);
  const names = await readTable(file, {
    offset: table.u64(namesIndex * HEADER_BYTES + 24),
    length: table.u64(namesIndex * HEADER_BYTES + 32),
    what: 'section names',
  });
  return Array.from({ length: count }, (_, i) => i * HEADER_BYTES)
    .filter((at) => ![SHT_NULL, SHT_NOBITS].includes(table.u32(at + 4)))
    .map((at) => ({
      name: names.text(table.u32(at)),
      type: table.u32(at + 4),
      flags: table.u64(at + 8),
      offset: table.u64(at + 24),
      sizeBytes: table.u64(at + 32),
      address: table.u64(at + 16),
    }));
}

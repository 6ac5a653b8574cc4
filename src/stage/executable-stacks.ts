import { LayerError } from '../core/errors.js';
import { ElfError, type RandomAccess } from '../elf/elf-bytes.js';
import { readHeader } from '../elf/elf-file.js';
import { inMemory, partOf } from '../elf/random-access.js';
import { readArchive } from '../elf/read-archive.js';
import { readSections } from '../elf/read-sections.js';
import { openEntry } from '../tree/open-entry.js';
import type { TreeEntry } from '../tree/tree-entry.js';

/** The type of an object file (e_type). */
const ET_REL = 1;
const EM_X86_64 = 62;
const NOTE = '.note.GNU-stack';
const SHF_EXECINSTR = 4;
/** Types of sections that the linker does not count: symbols, and texts of symbols and section names. */
const SYMBOL_TABLES: readonly number[] = [2, 3];
/** The smallest object file: its header. */
const HEADER_BYTES = 64;
/** A larger static library is read in parts, which takes longer. */
const MAX_BUFFERED_BYTES = 128 * 1024 ** 2;
/** An error names this many objects. */
const NAMED_OBJECTS = 5;

/**
 * Throws LayerError if a stage installed an object file, or a static library with a member, that makes the stack of every program
 * executable that it is linked into. The audit of the layer finds that too, but only after everything is compiled. Also throws it for
 * damaged objects and thin archives. Files are recognized by their content, whatever their names.
 */
export async function refuseExecutableStacks(recipe: string, entries: readonly TreeEntry[]): Promise<void> {
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.type !== 'file' || entry.sizeBytes < HEADER_BYTES) continue;
    await using file = await openEntry(entry);
    try {
      for await (const [name, object] of objectsIn(entry.path, file)) {
        if (await wantsExecutableStack(object)) found.push(name);
      }
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      throw new LayerError(`${recipe} installed ${entry.path}, which cannot be linked: ${error.message}`, {
        hint: 'Create static libraries with "$AR" and without T (thin), and do not change them afterwards.',
        cause: error,
      });
    }
  }
  if (found.length === 0) return;
  const more = found.length - NAMED_OBJECTS;
  throw new LayerError(
    `${recipe} installed object files that make the stack of programs executable: they have no ${NOTE} section, or one marked executable`,
    {
      details: { objects: [...found.slice(0, NAMED_OBJECTS), ...(more > 0 ? [`and ${more} more`] : [])] },
      hint: `Add -Wa,--noexecstack to CFLAGS (and ASFLAGS) in its build.sh, or \`.section ${NOTE},"",%progbits\` to its assembler files.`,
    },
  );
}

/** Yields the members of a static library, or the file itself. */
async function* objectsIn(
  path: string,
  file: RandomAccess,
): AsyncGenerator<readonly [name: string, object: RandomAccess]> {
  const buffered = path.endsWith('.a') && file.size <= MAX_BUFFERED_BYTES;
  const archive = buffered ? inMemory(await file.read(0, file.size)) : file;
  const members = await readArchive(archive);
  if (members === undefined) yield [path, file];
  for (const { name, offset, sizeBytes } of members ?? [])
    yield [`${path}(${name})`, partOf(archive, offset, sizeBytes)];
}

/**
 * Returns what GNU ld decides for an object that it links (ld's manual, `-z execstack`). The note decides where it exists. Without it, an
 * object for x86_64 makes the stack executable, whether it contains code or not; for arm64 it does not. Objects of other compilers
 * (LLVM's bitcode) are not ELF, and those of gcc's LTO have the note.
 */
async function wantsExecutableStack(object: RandomAccess): Promise<boolean> {
  const header = await readHeader(object);
  if (header.kind !== 'elf64' || header.table.u16(16) !== ET_REL) return false;
  const sections = await readSections(object);
  const note = sections.find(({ name }) => name === NOTE);
  if (note !== undefined) return (note.flags & SHF_EXECINSTR) !== 0;
  const isEmpty = sections.every(({ type }) => SYMBOL_TABLES.includes(type));
  return header.table.u16(18) === EM_X86_64 && !isEmpty;
}

import { ElfError, type RandomAccess } from '../elf/elf-bytes.js';
import { partOf } from '../elf/random-access.js';
import { readArchive } from '../elf/read-archive.js';
import { readSections } from '../elf/read-sections.js';

const CHUNK_BYTES = 1 << 20;
const SHOWN_BYTES = 16;
const SHOWN_PARTS = 3;
/** A hash over the rest of the file, which differs if anything does. */
const BUILD_ID = '.note.gnu.build-id';

/**
 * Describes where two files differ. For ELF files: each differing section with the first offset and some bytes of both. For
 * static libraries: the members and their sections. For other files: the first offset. Undefined if the files are equal.
 */
export async function locateDifference(a: RandomAccess, b: RandomAccess): Promise<string | undefined> {
  const offset = await firstDifference(a, b);
  if (offset === undefined) return undefined;
  const sizes = a.size === b.size ? '' : ` (${a.size} and ${b.size} bytes)`;
  const parts = await differingParts(a, b);
  if (parts.length === 0) return `${await describe({ name: '', a, b, offset })}${sizes}`;
  const shown = parts.slice(0, SHOWN_PARTS).join('; ');
  const more = parts.length > SHOWN_PARTS ? `; and ${parts.length - SHOWN_PARTS} more` : '';
  return `${shown}${more}${sizes}`;
}

async function firstDifference(a: RandomAccess, b: RandomAccess): Promise<number | undefined> {
  const common = Math.min(a.size, b.size);
  for (let offset = 0; offset < common; offset += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, common - offset);
    const [left, right] = [await a.read(offset, length), await b.read(offset, length)];
    if (Buffer.compare(left, right) !== 0)
      return offset + left.findIndex((byte, index) => byte !== right[index]);
  }
  return a.size === b.size ? undefined : common;
}

interface Part {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Compares parts with the same name and number in both files. Empty for files without parts and damaged ones. */
async function differingParts(a: RandomAccess, b: RandomAccess): Promise<string[]> {
  try {
    const members = await partsOf(a);
    const others = await partsOf(b);
    const found: { readonly name: string; readonly text: string }[] = [];
    for (const [key, member] of members.parts) {
      const other = others.parts.get(key);
      if (other === undefined) {
        found.push({ name: member.name, text: `${member.name} is in the first only` });
        continue;
      }
      const pair = { a: inside(a, member), b: inside(b, other) };
      const offset = await firstDifference(pair.a, pair.b);
      if (offset === undefined) continue;
      const text =
        members.kind === 'archive'
          ? `${member.name}: ${(await locateDifference(pair.a, pair.b)) ?? ''}`
          : await describe({ ...pair, name: member.name, at: member.offset, offset });
      found.push({ name: member.name, text });
    }
    for (const [key, { name }] of others.parts)
      if (!members.parts.has(key)) found.push({ name, text: `${name} is in the second only` });
    found.sort((x, y) => Number(x.name === BUILD_ID) - Number(y.name === BUILD_ID));
    return found.map(({ text }) => text);
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

/** Returns the members of a static library, or the sections of an ELF file. The key distinguishes parts of one name. */
async function partsOf(
  file: RandomAccess,
): Promise<{ readonly kind: 'archive' | 'elf'; readonly parts: ReadonlyMap<string, Part> }> {
  const members = await readArchive(file);
  const list: readonly Part[] = members ?? (await readSections(file));
  const counts = new Map<string, number>();
  const parts = new Map<string, Part>();
  for (const part of list) {
    const count = counts.get(part.name) ?? 0;
    counts.set(part.name, count + 1);
    parts.set(`${part.name} ${count}`, part);
  }
  return { kind: members === undefined ? 'elf' : 'archive', parts };
}

/** Returns a part of a file. Throws ElfError for a section that claims to be larger than its file. */
function inside(file: RandomAccess, { name, offset, sizeBytes }: Part): RandomAccess {
  if (offset + sizeBytes > file.size) throw new ElfError(`${name} leaves its file`);
  return partOf(file, offset, sizeBytes);
}

/** Formats a difference: `.rodata+0x1f (file offset 0x201f): "built at 1700000" and "built at 1744444"`. */
async function describe(place: {
  readonly name: string;
  readonly a: RandomAccess;
  readonly b: RandomAccess;
  /** Offset of the part in its file. */
  readonly at?: number;
  /** Offset in the part. */
  readonly offset: number;
}): Promise<string> {
  const { name, a, b, at = 0, offset } = place;
  const inFile = `0x${(at + offset).toString(16)}`;
  const where = name === '' ? `offset ${inFile}` : `${name}+0x${offset.toString(16)} (file offset ${inFile})`;
  return `${where}: ${await bytesAt(a, offset)} and ${await bytesAt(b, offset)}`;
}

async function bytesAt(file: RandomAccess, offset: number): Promise<string> {
  const length = Math.min(SHOWN_BYTES, file.size - offset);
  if (length === 0) return 'end of file';
  const text = Buffer.from(await file.read(offset, length)).toString('latin1');
  return JSON.stringify(text.replace(/[^ -~]/g, '.'));
}

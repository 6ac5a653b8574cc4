import { ElfError, readTable, type RandomAccess } from './elf-bytes.js';

/** A file in a static library. */
export interface ArchiveMember {
  readonly name: string;
  /** The offset of its content, which follows its header. */
  readonly offset: number;
  readonly sizeBytes: number;
}

const MAGIC = '!<arch>\n';
const THIN_MAGIC = '!<thin>\n';
const HEADER_BYTES = 60;
const MAX_MEMBERS = 100_000;

/**
 * Lists the members of a static library (`ar`, in the System V and GNU format that binutils writes), including the symbol
 * table `/` and the table of long names `//`. Returns undefined for any other file. Throws `ElfError` for a damaged archive, and for a thin one, whose members are
 * files beside it.
 */
export async function readArchive(file: RandomAccess): Promise<readonly ArchiveMember[] | undefined> {
  if (file.size < MAGIC.length) return undefined;
  const magic = Buffer.from(await file.read(0, MAGIC.length)).toString('latin1');
  if (magic === THIN_MAGIC) throw new ElfError('archive: a thin one, which does not contain its members');
  if (magic !== MAGIC) return undefined;
  const members: ArchiveMember[] = [];
  let longNames: string | undefined;
  for (let at = MAGIC.length; at < file.size;) {
    if (members.length === MAX_MEMBERS) throw new ElfError('archive: too many members');
    if (at + HEADER_BYTES > file.size) throw new ElfError(`archive: the header at ${at} is truncated`);
    const header = Buffer.from(await file.read(at, HEADER_BYTES)).toString('latin1');
    const size = header.slice(48, 58).trimEnd();
    if (!header.endsWith('`\n') || !/^\d+$/.test(size))
      throw new ElfError(`archive: no member header at ${at}`);
    const sizeBytes = Number(size);
    const offset = at + HEADER_BYTES;
    if (offset + sizeBytes > file.size) throw new ElfError(`archive: the member at ${at} is truncated`);
    const field = header.slice(0, 16).trimEnd();
    if (field === '//') {
      const { size: length } = await readTable(file, { offset, length: sizeBytes, what: 'archive names' });
      longNames = Buffer.from(await file.read(offset, length)).toString('latin1');
    }
    members.push({ name: nameOf(field, longNames), offset, sizeBytes });
    at = offset + sizeBytes + (sizeBytes % 2);
  }
  return members;
}

/** Resolves a member's name: `name/` is the name itself, `/123` an offset in the table of long names, `/` and `//` the tables. */
function nameOf(field: string, longNames: string | undefined): string {
  const long = /^\/(\d+)$/.exec(field);
  if (long === null) return field === '/' || field === '//' ? field : field.replace(/\/$/, '');
  const start = Number(long[1]);
  const end = longNames?.indexOf('/\n', start) ?? -1;
  if (longNames === undefined || end < 0)
    throw new ElfError(`archive: the name ${field} is not in its table`);
  return longNames.slice(start, end);
}

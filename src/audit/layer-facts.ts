import { LayerError, LayersmithError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { openContent, type TreeEntry } from '../tree/tree-entry.js';
import { ElfError } from '../elf/elf-bytes.js';
import { openEntry } from '../tree/open-entry.js';
import { readElf, type Elf64, type ElfReading } from '../elf/read-elf.js';

type FileEntry = TreeEntry & { readonly type: 'file' };

/** An ELF file of the layer. */
export interface ElfFact {
  readonly path: string;
  readonly entry: FileEntry;
  readonly elf: Elf64;
}

/** The facts of a layer, read once. The rules use nothing else. */
export interface LayerFacts {
  readonly entries: ReadonlyMap<string, TreeEntry>;
  /** Paths of files and links that occur more than once, as is possible in a zip. `entries` has the last of each. */
  readonly duplicates: readonly string[];
  readonly elfs: ReadonlyMap<string, ElfFact>;
  /** Files in a kind of ELF that Lambda cannot load, with their kind (`32-bit`); and files that violate the ELF format. */
  readonly foreign: ReadonlyMap<string, string>;
  readonly damaged: ReadonlyMap<string, string>;
  /** The first build path in each file that contains one. */
  readonly buildPaths: ReadonlyMap<string, string>;
}

/** Paths that exist only in a stage container of layersmith. */
const BUILD_PATHS = ['/build/work', '/build/out', '/build/recipe', '/build/sources'];

/** Reads every file of a tree. Searches for `buildPaths` and those of layersmith. Throws LayerError for an unreadable file. */
export async function readLayerFacts(
  entries: readonly TreeEntry[],
  buildPaths: readonly string[] = [],
): Promise<LayerFacts> {
  const elfs = new Map<string, ElfFact>();
  const foreign = new Map<string, string>();
  const damaged = new Map<string, string>();
  const found = new Map<string, string>();
  const paths = [...BUILD_PATHS, ...buildPaths].map((path) => Buffer.from(path));
  for (const entry of entries) {
    if (entry.type !== 'file') continue;
    const { path } = entry;
    try {
      const elf = await readElfOf(entry);
      if (elf.kind === 'elf64') elfs.set(path, { path, entry, elf });
      if (elf.kind === 'foreign') foreign.set(path, `${elf.bits}-bit${elf.bigEndian ? ', big-endian' : ''}`);
    } catch (error) {
      if (!(error instanceof ElfError)) throw unreadable(path, error);
      damaged.set(path, error.message);
    }
    const buildPath = await firstOf(paths, entry);
    if (buildPath !== undefined) found.set(path, buildPath);
  }
  return {
    entries: new Map(entries.map((entry) => [entry.path, entry])),
    duplicates: duplicatesOf(entries),
    elfs,
    foreign,
    damaged,
    buildPaths: found,
  };
}

/** Returns duplicate paths. Ignores duplicate folders, which are harmless and which some zip programs write. */
function duplicatesOf(entries: readonly TreeEntry[]): readonly string[] {
  const seen = new Map<string, TreeEntry>();
  const found = new Set<string>();
  for (const entry of entries) {
    const other = seen.get(entry.path);
    if (other !== undefined && !(other.type === 'directory' && entry.type === 'directory'))
      found.add(entry.path);
    seen.set(entry.path, entry);
  }
  return [...found];
}

async function readElfOf(entry: FileEntry): Promise<ElfReading> {
  await using file = await openEntry(entry);
  return await readElf(file);
}

/** Returns the first of the texts that a file contains, even across chunks. */
async function firstOf(texts: readonly Buffer[], entry: FileEntry): Promise<string | undefined> {
  const overlap = Math.max(...texts.map((text) => text.length)) - 1;
  let tail: Uint8Array = Buffer.alloc(0);
  try {
    for await (const chunk of openContent(entry) as AsyncIterable<Buffer>) {
      // Search the border and the chunk separately: joining them would copy the whole chunk.
      const border = Buffer.concat([tail, chunk.subarray(0, overlap)]);
      const found = texts.find((text) => border.includes(text) || chunk.includes(text));
      if (found !== undefined) return found.toString();
      const last = chunk.length < overlap ? Buffer.concat([tail, chunk]) : chunk;
      tail = Buffer.from(last.subarray(Math.max(0, last.length - overlap)));
    }
  } catch (error) {
    throw unreadable(entry.path, error);
  }
  return undefined;
}

function unreadable(path: string, cause: unknown): unknown {
  const code = errorCodeOf(cause);
  if (cause instanceof LayersmithError || code === undefined) return cause;
  return new LayerError(`cannot read ${path} of the layer (${code})`, {
    hint: 'Make it readable, or remove it from the folder.',
    cause,
  });
}

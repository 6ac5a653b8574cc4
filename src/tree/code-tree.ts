import { open, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { LayerError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { readFolder, type SpecialFile } from './read-folder.js';
import { borrowedTree, changedTree, type ScratchPlace, type Tree } from './tree.js';
import type { TreeEntry } from './tree-entry.js';
import { readZip } from './zip-reader.js';

/** A layer or a function as Lambda would unpack it, and where it came from. */
export interface CodeTree extends Tree {
  readonly path: string;
  /** Parents before what is in them; the folders between may be missing. */
  readonly entries: readonly TreeEntry[];
}

export interface CodeTreeOptions extends ScratchPlace {
  readonly what: 'layer' | 'function';
  /** Where Lambda unpacks it: links are checked against it. */
  readonly root: '/opt' | '/var/task';
  /** Gets a warning that names the sockets, FIFOs and devices that were left out. */
  readonly warn: (message: string) => void;
}

/** Folders of a Lambda sandbox, which a link may lead to. Any other is a folder of the machine that made the link. */
const PLACES = /^\/(opt|tmp|var\/(task|runtime|lang)|usr|etc|dev|proc|lib|lib64|bin|sbin)(\/|$)/;

/**
 * Reads a layer or a function for running or packing it: as `readTree` does, with its links checked. Throws LayerError for an
 * absolute link to a folder that the sandbox does not have, and for a relative link that leaves the layer or function.
 */
export async function readCodeTree(path: string, options: CodeTreeOptions): Promise<CodeTree> {
  const tree = await changedTree(await readTree(path, options), (entries) => {
    for (const entry of entries) if (entry.type === 'symlink') checkLink(entry, { ...options, path });
    return entries;
  });
  return { ...tree, path };
}

/**
 * Reads a layer or a function as it is: a zip, or a folder that stands for one. Links are kept; `.git` and special files are
 * left out. Files keep their times, by which PHP tells whether they are those that were compiled. A folder's files are read
 * when the entries are packed.
 *
 * Throws UsageError for a path that is missing, is neither, has no files or cannot be read, and LayerError for a damaged or
 * hostile zip.
 */
export async function readTree(path: string, options: Omit<CodeTreeOptions, 'root'>): Promise<Tree> {
  const { what, warn } = options;
  const kind = await kindOfCode(path, what);
  return await changedTree(
    kind === 'folder' ? await readFolderTree(path, warn) : await readZip(path, options),
    (entries) => {
      if (entries.some(({ type }) => type !== 'directory')) return entries;
      throw new UsageError(`the ${what} ${path} has no files`, { hint: ADVICE[what] });
    },
  );
}

async function readFolderTree(path: string, warn: (message: string) => void): Promise<Tree> {
  const { entries, special } = await readFolder(path);
  if (special.length > 0) warn(specialFilesWarning(path, special));
  return borrowedTree(entries);
}

const ADVICE = {
  layer: 'Name a layer zip, as `layersmith build` prints it, or a folder that has what `/opt` is to have.',
  function:
    'Name the folder that you would upload, or its zip: the handler `hello` is `src/hello.php` in it.',
} as const;

/** The files that the function's user cannot read, and the folders that it cannot enter. That user owns none of the code. */
export function unreadablePaths(entries: readonly TreeEntry[]): readonly string[] {
  return entries
    .filter((entry) => {
      const needed = { file: 0o4, directory: 0o5, symlink: 0 }[entry.type];
      return entry.type !== 'symlink' && (entry.mode & needed) !== needed;
    })
    .map(({ path }) => path);
}

/** The first bytes of a zip, and of an empty one (APPNOTE 4.3.7, 4.3.16). */
const ZIP_MAGIC = ['PK\x03\x04', 'PK\x05\x06'];

/** Says whether a path is a folder or a zip, by its first bytes. Throws UsageError for a path that is missing, cannot be read, or is neither. */
export async function kindOfCode(path: string, what: CodeTreeOptions['what']): Promise<'folder' | 'zip'> {
  const start = Buffer.alloc(4);
  try {
    if ((await stat(path)).isDirectory()) return 'folder';
    await using file = await open(path, 'r');
    await file.read(start);
  } catch (cause) {
    throw unreadable(path, { what, cause });
  }
  if (ZIP_MAGIC.includes(start.toString('latin1'))) return 'zip';
  throw new UsageError(`the ${what} ${path} is neither a folder nor a zip`, { hint: ADVICE[what] });
}

function unreadable(
  path: string,
  { what, cause }: { readonly what: CodeTreeOptions['what']; readonly cause: unknown },
): UsageError {
  const code = errorCodeOf(cause) ?? String(cause);
  const message =
    code === 'ENOENT' ? `there is no ${what} ${path}` : `cannot read the ${what} ${path} (${code})`;
  return new UsageError(message, { hint: ADVICE[what], cause });
}

/** The most special files that a warning names. */
const NAMED = 5;

function specialFilesWarning(path: string, special: readonly SpecialFile[]): string {
  const named = special.slice(0, NAMED).map(({ path: file, kind }) => `${file} (${kind})`);
  const more = special.length - named.length;
  return `${path}: left out ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}: no zip can hold special files`;
}

function checkLink(
  link: TreeEntry & { readonly type: 'symlink' },
  { what, root, path }: Pick<CodeTreeOptions, 'what' | 'root'> & { readonly path: string },
): void {
  const target = posix.resolve(posix.join(root, posix.dirname(link.path)), link.target);
  const isAbsolute = link.target.startsWith('/');
  const isKnown = PLACES.test(target);
  // Engines refuse to unpack a relative link that leads out of the folder, wherever it ends.
  const isAllowed = isAbsolute ? isKnown : target === root || target.startsWith(`${root}/`);
  if (isAllowed) return;
  throw new LayerError(
    `the ${what} ${path} has a link ${link.path} to ${link.target}, which would be ${target} on Lambda`,
    {
      hint:
        isKnown && !isAbsolute
          ? `Link to the absolute path ${target}, or put a copy of the file there: a relative link must not leave the ${what}.`
          : 'Put a copy of the file there: only links to /opt, /var/task, /tmp and the system’s folders work.',
    },
  );
}

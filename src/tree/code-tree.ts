import { open, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { LayerError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { readFolder, type SpecialFile } from './read-folder.js';
import { borrowedTree, changedTree, type ScratchPlace, type Tree } from './tree.js';
import type { TreeEntry } from './tree-entry.js';
import { readZip } from './zip-reader.js';

/** A layer or a function as Lambda unpacks it, and its path. */
export interface CodeTree extends Tree {
  readonly path: string;
  /** Folders come before their content. Intermediate folders may be missing. */
  readonly entries: readonly TreeEntry[];
}

/** Options of `readCodeTree`. */
export interface CodeTreeOptions extends ScratchPlace {
  readonly what: 'layer' | 'function';
  /** Where Lambda unpacks the code. Links are checked against it. */
  readonly root: '/opt' | '/var/task';
  /** Receives a warning that names omitted sockets, FIFOs and devices. */
  readonly warn: (message: string) => void;
}

/** Folders of a Lambda sandbox to which a link may point. Any other folder exists only on the machine that made the link. */
const PLACES = /^\/(opt|tmp|var\/(task|runtime|lang)|usr|etc|dev|proc|lib|lib64|bin|sbin)(\/|$)/;

/**
 * Reads a layer or a function for running or packing it, like `readTree`, and checks its links. Throws LayerError for an
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
 * Reads a layer or a function from a zip or a folder. Keeps links; omits `.git` and special files. Files keep their times,
 * which PHP compares with those of the compiled files. The files of a folder are read only when the entries are packed.
 *
 * Throws UsageError for a path that is missing, unreadable, empty, or neither a zip nor a folder, and LayerError for a
 * damaged or hostile zip.
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
  layer: 'Name a layer zip, as printed by `layersmith build`, or a folder with the content of `/opt`.',
  function:
    'Name the folder that you would upload, or its zip: the handler `hello` is `src/hello.php` in it.',
} as const;

/** Returns the files and folders that the function's user, who owns none of the code, cannot read or enter. */
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

/** Returns whether a path is a folder or a zip, by its first bytes. Throws UsageError for anything else. */
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
    code === 'ENOENT' ? `the ${what} ${path} does not exist` : `cannot read the ${what} ${path} (${code})`;
  return new UsageError(message, { hint: ADVICE[what], cause });
}

/** The maximum number of special files that a warning names. */
const NAMED = 5;

function specialFilesWarning(path: string, special: readonly SpecialFile[]): string {
  const named = special.slice(0, NAMED).map(({ path: file, kind }) => `${file} (${kind})`);
  const more = special.length - named.length;
  return `${path}: left out ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}: a zip cannot hold special files`;
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
    `the ${what} ${path} has a link ${link.path} to ${link.target}, which is ${target} on Lambda`,
    {
      hint:
        isKnown && !isAbsolute
          ? `Link to the absolute path ${target}, or put a copy of the file there: a relative link must not leave the ${what}.`
          : 'Put a copy of the file there: only links to /opt, /var/task, /tmp and the system’s folders work.',
    },
  );
}

import { lstat, open, readdir, readlink, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { LayerError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import type { TreeEntry } from './tree-entry.js';
import { readZip } from './zip-reader.js';

/** A layer or a function as Lambda would unpack it, and where it came from. */
export interface CodeTree {
  readonly path: string;
  /** Parents before what is in them; the folders between may be missing. */
  readonly entries: readonly TreeEntry[];
}

export interface CodeTreeOptions {
  readonly what: 'layer' | 'function';
  /** Where it will lie: links are checked against it. */
  readonly root: '/opt' | '/var/task';
  /** A file that a zip's bytes are put into. */
  readonly spool: string;
}

/** Has no place in what is uploaded, and is often larger than the rest. */
export const EXCLUDED_NAME = '.git';

/** What a link may lead to: the places of a sandbox. Anything else is a place of the machine that made the link. */
const PLACES = /^\/(opt|tmp|var\/(task|runtime|lang)|usr|etc|dev|proc|lib|lib64|bin|sbin)(\/|$)/;

/**
 * Reads a layer or a function for running it: as `readTree` does, with its links checked. Throws LayerError for a link to a
 * place that the sandbox does not have.
 */
export async function readCodeTree(path: string, options: CodeTreeOptions): Promise<CodeTree> {
  const entries = await readTree(path, options);
  for (const entry of entries) if (entry.type === 'symlink') checkLink(entry, { path, ...options });
  return { path, entries };
}

/**
 * Reads a layer or a function as it is: a zip, or a folder that stands for one (its links are kept, `.git` and what is
 * neither file, folder nor link is left out). Files keep their times, by which PHP tells whether they are those that were
 * compiled. A folder's files are read when the entries are packed. Throws
 * UsageError for a path that is missing, is neither, has nothing in it or may not be read, and LayerError for
 * a damaged zip.
 */
export async function readTree(
  path: string,
  { what, spool }: Pick<CodeTreeOptions, 'what' | 'spool'>,
): Promise<readonly TreeEntry[]> {
  const kind = await kindOfCode(path, what);
  const entries = kind === 'folder' ? await readFolder(path) : await readZip(path, spool);
  if (!entries.some(({ type }) => type !== 'directory')) {
    throw new UsageError(`the ${what} ${path} has no files`, { hint: ADVICE[what] });
  }
  return entries;
}

const ADVICE = {
  layer: 'Name a layer zip, as `layersmith build` prints it, or a folder that has what `/opt` is to have.',
  function:
    'Name the folder that you would upload, or its zip: the handler `hello` is `src/hello.php` in it.',
} as const;

/** The paths that the function's user, who owns nothing of the code, may not read, or, of folders, not enter. */
export function unreadablePaths(entries: readonly TreeEntry[]): readonly string[] {
  return entries
    .filter((entry) => {
      const needed = { file: 0o4, directory: 0o5, symlink: 0 }[entry.type];
      return entry.type !== 'symlink' && (entry.mode & needed) !== needed;
    })
    .map(({ path }) => path);
}

/** What a zip begins with; the second is that of an empty one (APPNOTE 4.3.7, 4.3.16). */
const ZIP_MAGIC = ['PK\x03\x04', 'PK\x05\x06'];

/** Looks at no more than what it is. Throws UsageError for a path that is missing, may not be read, or is neither. */
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

/** Adds the entries of the folder `below` of `root`, and of those in it. */
async function readFolder(root: string, below = '', entries: TreeEntry[] = []): Promise<TreeEntry[]> {
  try {
    for (const name of (await readdir(join(root, below))).sort()) {
      if (name === EXCLUDED_NAME) continue;
      const path = posix.join(below, name);
      const file = join(root, path);
      const info = await lstat(file);
      const mode = info.mode & 0o7777;
      if (info.isSymbolicLink()) {
        entries.push({ type: 'symlink', path, target: await readlink(file) });
      } else if (info.isDirectory()) {
        entries.push({ type: 'directory', path, mode });
        await readFolder(root, path, entries);
      } else if (info.isFile()) {
        const mtime = Math.floor(info.mtimeMs / 1000);
        entries.push({ type: 'file', path, mode, sizeBytes: info.size, content: { file, start: 0 }, mtime });
      }
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const code = errorCodeOf(cause) ?? String(cause);
    throw new UsageError(`cannot read the folder ${join(root, below)} (${code})`, {
      hint: 'Make it readable, or take it out of the folder.',
      cause,
    });
  }
  return entries;
}

function checkLink(
  link: TreeEntry & { readonly type: 'symlink' },
  { what, root, path }: CodeTreeOptions & { readonly path: string },
): void {
  const target = posix.resolve(posix.join(root, posix.dirname(link.path)), link.target);
  if (PLACES.test(target)) return;
  throw new LayerError(
    `the ${what} ${path} has a link ${link.path} to ${link.target}, which would be ${target} on Lambda`,
    {
      hint: 'Put a copy of what it leads to there: only links to /opt, /var/task, /tmp and the system’s places work.',
    },
  );
}

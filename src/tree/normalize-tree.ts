import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { Header } from 'tar-stream';
import { LayerError } from '../core/errors.js';
import { readTar } from './read-tar.js';
import { followLinks } from './tree-links.js';
import { scratchTree, type ScratchPlace, type Tree } from './tree.js';
import { byPath, type TreeEntry } from './tree-entry.js';

/** The maximum that a stage may leave. More is a mistake or an attack. */
const LIMITS = { entries: 200_000, bytes: 8 * 1024 ** 3 };

/** tar-stream's messages for bytes that are not a tar. */
const DAMAGED = /^(Unexpected end of data|Invalid tar header|Invalid header|Header exceeds max size)/;

/** Options of `normalizeTree`. */
export interface NormalizeOptions extends ScratchPlace {
  /** Read only this folder of the archive. Paths are relative to it. */
  readonly only?: string;
  /** Receives the path, relative to the archive's first component, of each entry outside of `only`. */
  readonly onOutside?: (path: string) => void;
  /** Whether every name starts with the same component, which is left out (`opt/`). True by default. */
  readonly isRooted?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reads an archive from a container as hostile input. Returns its entries sorted, with modes 0755 and 0644 and without owners
 * or dates. Paths are relative to the archive's first component (`opt/`).
 *
 * Throws LayerError for an entry or a link that leaves the tree (links are followed logically, never on disk), a cycle of
 * links, a file below a link, a special file such as a device, set-uid and set-gid, a duplicate name, and a truncated
 * archive.
 */
export function normalizeTree(archive: Readable, options: NormalizeOptions): Promise<Tree> {
  // The archive may fail before it is read. The reader checks for that.
  archive.on('error', () => undefined);
  return scratchTree(options, async (file) => {
    const entries = await readEntries(archive, { ...options, file });
    for (const entry of entries.values()) {
      refuseBelowLink(entry.path, entries);
      if (entry.type === 'symlink') refuseEscape(entry, entries);
    }
    return { entries: [...entries.values()].sort(byPath) };
  });
}

async function readEntries(
  archive: Readable,
  { file, signal, only, onOutside, isRooted = true }: NormalizeOptions & { readonly file: string },
): Promise<ReadonlyMap<string, TreeEntry>> {
  const entries = new Map<string, TreeEntry>();
  let offset = 0;
  try {
    await using sink = await open(file, 'w');
    for await (const { header, content } of readTar(archive)) {
      signal.throwIfAborted();
      const whole = pathOf(header.name, isRooted);
      const path = only === undefined ? whole : below(only, whole);
      if (path === undefined) {
        if (whole !== '') onOutside?.(whole);
        for await (const _chunk of content) signal.throwIfAborted();
        continue;
      }
      const name = only === undefined ? header.name : whole;
      if (path !== '') {
        if (entries.has(path)) throw hostile(name, 'its name occurs twice');
        if (entries.size >= LIMITS.entries) throw hostile(name, `more than ${LIMITS.entries} entries`);
        entries.set(path, toEntry({ header, name, path, entries, only, isRooted, file, offset }));
      }
      for await (const chunk of content) {
        offset += chunk.length;
        if (offset > LIMITS.bytes) throw hostile(name, `more than ${LIMITS.bytes} bytes`);
        await sink.writeFile(chunk);
      }
    }
    return entries;
  } catch (error) {
    throw error instanceof Error && DAMAGED.test(error.message)
      ? new LayerError(`the archive of what was installed is damaged: ${error.message}`, {
          hint: 'Run the command again. If it fails again, check where it is from: the container engine, or the shared store.',
          cause: error,
        })
      : error;
  } finally {
    archive.destroy();
  }
}

interface Found {
  readonly header: Header;
  /** The name for messages. */
  readonly name: string;
  readonly path: string;
  readonly entries: ReadonlyMap<string, TreeEntry>;
  readonly only: string | undefined;
  readonly isRooted: boolean;
  readonly file: string;
  readonly offset: number;
}

function toEntry({ header, name, path, entries, only, isRooted, file, offset }: Found): TreeEntry {
  const mode = header.mode;
  switch (header.type) {
    case 'directory':
      // tar-stream would wait forever for its content.
      if (header.size > 0) throw hostile(name, 'a folder with content');
      return { type: 'directory', path, mode: 0o755 };
    case 'symlink':
      return { type: 'symlink', path, target: orEmpty(header.linkname) };
    case 'link': {
      const linkName = orEmpty(header.linkname);
      const whole = pathOf(linkName, isRooted);
      const target = entries.get((only === undefined ? whole : below(only, whole)) ?? '');
      if (target?.type !== 'file')
        throw hostile(name, `a hard link to ${linkName}, which is not an earlier file`);
      return { ...target, path };
    }
    case 'file':
    case 'contiguous-file': {
      if ((mode & 0o6000) !== 0) throw hostile(name, 'set-uid or set-gid');
      const executable = (mode & 0o111) !== 0;
      const sizeBytes = header.size;
      return {
        type: 'file',
        path,
        mode: executable ? 0o755 : 0o644,
        sizeBytes,
        content: { file, start: offset },
      };
    }
    default:
      throw hostile(name, `a ${orEmpty(header.type) || 'file of unknown type'} is not allowed in a layer`);
  }
}

/** Replaces null, which tar-stream returns for a missing link target or an unknown type despite its types. */
function orEmpty(text: string | null): string {
  return text ?? '';
}

/** Returns the path below the archive's first component, or '' for that component itself; of an archive without a root, the path itself. */
function pathOf(name: string, isRooted: boolean): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || name.includes('\0') || parts.includes('..'))
    throw hostile(name, 'it leaves the tree');
  return parts.slice(isRooted ? 1 : 0).join('/');
}

/** Returns the path relative to the folder: '' for the folder itself, undefined for a path outside of it. */
function below(folder: string, path: string): string | undefined {
  if (path === folder) return '';
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}

function refuseEscape(
  link: TreeEntry & { readonly type: 'symlink' },
  entries: ReadonlyMap<string, TreeEntry>,
): void {
  const { to } = followLinks(link.target, { from: posix.dirname(link.path), entries });
  const what = `a link to ${JSON.stringify(link.target)}`;
  if (to === 'outside') throw hostile(link.path, `${what} leaves the tree`);
  if (to === 'circle') throw hostile(link.path, `${what} is part of a cycle`);
}

function refuseBelowLink(path: string, entries: ReadonlyMap<string, TreeEntry>): void {
  for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent)) {
    const above = entries.get(parent);
    if (above !== undefined && above.type !== 'directory') {
      throw new LayerError(
        `the archive of what was installed has ${path} below ${parent}, which is not a folder`,
        {
          hint: 'Check what the build script installs.',
        },
      );
    }
  }
}

function hostile(name: string, why: string): LayerError {
  return new LayerError(`the archive of what was installed has a bad entry ${JSON.stringify(name)}: ${why}`, {
    hint: 'Check what the build script installs: a stage may leave only files, folders and links inside its tree.',
  });
}

import { createWriteStream } from 'node:fs';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { once } from 'node:events';
import { extract, type Header } from 'tar-stream';
import { LayerError } from '../core/errors.js';
import { byPath, type TreeEntry } from '../core/tar.js';

/** What a stage may leave at the most; more is a mistake or an attack. */
const LIMITS = { entries: 200_000, bytes: 8 * 1024 ** 3 };

/**
 * Reads the archive that came out of a container as the hostile input it is, and gives its entries sorted,
 * with modes 0755 and 0644 and nothing of owners or dates. Bytes are spooled to `spool`, which the entries
 * refer to. Paths are relative to the archive's first component (`opt/`).
 *
 * Throws LayerError for an entry that leaves the tree, a link that does (resolved logically, never on disk),
 * a file below a link, a device or any other special file, set-uid and set-gid, a name that occurs twice, and
 * for an archive that is cut off.
 */
export async function normaliseTree(
  archive: Readable,
  options: { readonly spool: string; readonly signal: AbortSignal },
): Promise<readonly TreeEntry[]> {
  const entries = new Map<string, TreeEntry>();
  const reader = extract();
  const spool = createWriteStream(options.spool);
  const opened = once(spool, 'open');
  let offset = 0;
  try {
    await opened;
    // Only now: tar-stream drops entries that come before its iterator is there.
    archive.on('error', (error) => {
      reader.destroy(error);
    });
    archive.pipe(reader);
    for await (const entry of reader) {
      options.signal.throwIfAborted();
      const { header } = entry;
      const path = pathOf(header);
      if (path !== '') {
        if (entries.has(path)) throw hostile(header, 'its name occurs twice');
        if (entries.size >= LIMITS.entries) throw hostile(header, `more than ${LIMITS.entries} entries`);
        entries.set(path, toEntry({ header, path, entries, spool: options.spool, offset }));
      }
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        offset += chunk.length;
        if (offset > LIMITS.bytes) throw hostile(header, `more than ${LIMITS.bytes} bytes`);
        if (!spool.write(chunk)) await once(spool, 'drain', { signal: options.signal });
      }
    }
    spool.end();
    await once(spool, 'close');
  } catch (error) {
    throw error instanceof Error && /^(Unexpected end of data|Invalid tar header)/.test(error.message)
      ? new LayerError(`the archive that came out of the container is damaged: ${error.message}`, {
          hint: 'Run it again; when it happens twice, the engine is at fault.',
          cause: error,
        })
      : error;
  } finally {
    archive.destroy();
    spool.destroy();
  }
  for (const path of entries.keys()) refuseBelowLink(path, entries);
  return [...entries.values()].sort(byPath);
}

interface Found {
  readonly header: Header;
  readonly path: string;
  readonly entries: ReadonlyMap<string, TreeEntry>;
  readonly spool: string;
  readonly offset: number;
}

function toEntry({ header, path, entries, spool, offset }: Found): TreeEntry {
  const mode = header.mode;
  switch (header.type) {
    case 'directory':
      return { type: 'directory', path, mode: 0o755 };
    case 'symlink': {
      const target = header.linkname;
      refuseEscape(header, path, target);
      return { type: 'symlink', path, target };
    }
    case 'link': {
      const target = entries.get(pathOf({ ...header, name: header.linkname }));
      if (target?.type !== 'file')
        throw hostile(header, `a hard link to ${header.linkname}, which is no file before it`);
      return { ...target, path };
    }
    case 'file':
    case 'contiguous-file': {
      if ((mode & 0o6000) !== 0) throw hostile(header, 'set-uid or set-gid');
      const executable = (mode & 0o111) !== 0;
      const sizeBytes = header.size;
      return {
        type: 'file',
        path,
        mode: executable ? 0o755 : 0o644,
        sizeBytes,
        content: { file: spool, start: offset },
      };
    }
    default:
      throw hostile(header, `a ${header.type} has no place in a layer`);
  }
}

/** The path below the archive's first component; '' for that component itself. */
function pathOf(header: Header): string {
  const { name } = header;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || name.includes('\0') || parts.includes('..'))
    throw hostile(header, 'it leaves the tree');
  return parts.slice(1).join('/');
}

/** A link is resolved as if the tree lay at /opt. */
function refuseEscape(header: Header, path: string, target: string): void {
  const resolved = posix.resolve('/opt', posix.dirname(path), target);
  if (target === '' || target.includes('\0') || (resolved !== '/opt' && !resolved.startsWith('/opt/'))) {
    throw hostile(header, `a link to ${JSON.stringify(target)} leaves the tree`);
  }
}

function refuseBelowLink(path: string, entries: ReadonlyMap<string, TreeEntry>): void {
  for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent)) {
    const above = entries.get(parent);
    if (above !== undefined && above.type !== 'directory') {
      throw new LayerError(
        `the archive that came out of the container has ${path} below ${parent}, which is no folder`,
        {
          hint: 'Look at what the build script installs.',
        },
      );
    }
  }
}

function hostile(header: Header, why: string): LayerError {
  return new LayerError(
    `the archive that came out of the container has a bad entry ${JSON.stringify(header.name)}: ${why}`,
    {
      hint: 'Look at what the build script installs; a stage may leave only files, folders and links inside its tree.',
    },
  );
}

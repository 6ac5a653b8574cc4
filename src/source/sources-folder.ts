import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256OfFile, type Sha256 } from '../core/digest.js';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import type { PinnedFile } from '../recipe/source.js';
import { bytesOfFile, type SourceFiles } from './source-files.js';

/** A folder of the user's in which pinned files are found by their sha256, whatever their names. */
export interface SourcesFolder {
  /** Copies the file into the store; undefined when the folder has no file with that digest. */
  take(file: PinnedFile, signal: AbortSignal): Promise<string | undefined>;
  /** Why it has none: what it has under that name instead, if anything. */
  reasonFor(file: PinnedFile): string;
}

/**
 * The folder of `--sources DIR`. Its files (not those in folders below it) are hashed when the first one is
 * asked for, and not again. Throws UsageError when it is not a folder that can be read.
 */
export function createSourcesFolder(options: {
  readonly dir: string;
  readonly files: SourceFiles;
  readonly report: (line: string) => void;
}): SourcesFolder {
  const { dir, files, report } = options;
  let listing: Promise<ReadonlyMap<string, Sha256>> | undefined;
  let names: ReadonlyMap<string, Sha256> = new Map();

  const list = async (signal: AbortSignal): Promise<ReadonlyMap<string, Sha256>> => {
    const found = new Map<string, Sha256>();
    for (const name of (await namesIn(dir)).sort()) {
      const path = join(dir, name);
      if (!(await isFile(path))) continue;
      if (!(await isReadable(path))) {
        report(`${path} is left out: it cannot be read`);
        continue;
      }
      found.set(name, await sha256OfFile(path, signal));
    }
    return found;
  };

  return {
    async take(file, signal) {
      signal.throwIfAborted();
      listing ??= list(signal);
      try {
        names = await listing;
      } catch (error) {
        listing = undefined;
        signal.throwIfAborted();
        throw error;
      }
      for (const [name, digest] of names) {
        if (digest !== file.sha256) continue;
        const kept = await files.keep(bytesOfFile(join(dir, name), signal), file.sha256);
        // A file that changes while it is read is not the pinned one.
        if (kept.kept) return kept.path;
      }
      return undefined;
    },
    reasonFor(file) {
      const digest = names.get(file.file);
      return digest === undefined
        ? 'no file there has the sha256'
        : `${file.file} there has another sha256, ${digest}`;
    },
  };
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (cause) {
    const reason =
      errorCodeOf(cause) === 'ENOENT' ? 'it does not exist' : String(errorCodeOf(cause) ?? cause);
    throw new UsageError(`--sources ${dir} is not a folder that can be read: ${reason}`, {
      hint: 'Name a folder that holds source tarballs.',
      cause,
    });
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

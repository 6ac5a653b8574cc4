import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { sha256OfFile, type Sha256 } from '../core/digest.js';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import type { PinnedFile } from '../recipe/source.js';
import { bytesOfFile } from './source-files.js';
import type { SourceProvider } from './source-provider.js';

/** A user's folder in which pinned files are found by sha256, whatever their names. */
export interface SourcesFolder extends SourceProvider {
  /** Checks the folder. Throws UsageError if it is not a readable folder. */
  check(): Promise<void>;
}

/** Settings of `createSourcesFolder`. */
export interface SourcesFolderOptions {
  readonly dir: string;
  readonly report: (line: string) => void;
  /** A file that takes longer to read is reported. */
  readonly slowMs?: number | undefined;
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** Larger files are skipped: no source has this size, and hashing them takes minutes. */
const LARGEST_BYTES = 2 * 1024 ** 3;
const SLOW_MS = 2_000;

/**
 * Opens the folder of `--sources DIR`, without its subfolders. Hashes each file at most once: first those with the pinned
 * name, then the small ones. Skips and reports files above 2 GiB and unreadable ones.
 */
export function createSourcesFolder(options: SourcesFolderOptions): SourcesFolder {
  const { dir, report, slowMs = SLOW_MS } = options;
  const name = `--sources ${dir}`;
  const oneAtATime = pLimit(1);
  const digests = new Map<string, Sha256>();
  let entries: readonly Entry[] | undefined;

  const list = async (): Promise<readonly Entry[]> => {
    if (entries !== undefined) return entries;
    const found: Entry[] = [];
    for (const entry of await filesIn(dir)) {
      const reason = await whyIgnored(entry);
      if (reason === undefined) found.push(entry);
      else report(`skipped ${entry.path}: ${reason}`);
    }
    entries = found.sort((a, b) => a.bytes - b.bytes || (a.name < b.name ? -1 : 1));
    return entries;
  };

  const digestOf = async ({ name: file, path, bytes }: Entry, signal: AbortSignal): Promise<Sha256> => {
    const known = digests.get(file);
    if (known !== undefined) return known;
    const timer = setTimeout(() => {
      report(`reading ${path} (${inUnits(bytes)}) to compare its sha256`);
    }, slowMs);
    try {
      const digest = await sha256OfFile(path, signal);
      digests.set(file, digest);
      return digest;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };

  /** Explains why the folder does not have the file: a file of that name may have another digest. */
  const reasonFor = (file: PinnedFile): string => {
    const digest = digests.get(file.name);
    return digest === undefined
      ? 'no file there has this sha256'
      : `${file.name} there has another sha256, ${digest}`;
  };

  return {
    name,
    async check() {
      await oneAtATime(list);
    },
    find: (file, { files, signal }) =>
      oneAtATime(async () => {
        signal.throwIfAborted();
        for (const entry of likeliestFirst(await list(), { file, digests })) {
          if ((await digestOf(entry, signal)) !== file.sha256) continue;
          const kept = await files.keep(bytesOfFile(entry.path, signal), file.sha256);
          // A file that changes while it is read is not the pinned one.
          if (kept.kept) return { path: kept.path, from: name };
        }
        return { attempts: [{ place: name, reason: reasonFor(file) }] };
      }),
  };
}

/** Sorts the files: a known match first, then files of that name, then the others in their order. */
function likeliestFirst(
  entries: readonly Entry[],
  { file, digests }: { readonly file: PinnedFile; readonly digests: ReadonlyMap<string, Sha256> },
): readonly Entry[] {
  const rank = ({ name }: Entry): number => {
    if (digests.get(name) === file.sha256) return 0;
    return name === file.name ? 1 : 2;
  };
  return [...entries].sort((a, b) => rank(a) - rank(b));
}

async function whyIgnored({ path, bytes }: Entry): Promise<string | undefined> {
  if (bytes > LARGEST_BYTES) return `at ${inUnits(bytes)} it is larger than any source`;
  return access(path, constants.R_OK).then(
    () => undefined,
    () => 'it cannot be read',
  );
}

function inUnits(bytes: number): string {
  return bytes < 1024 ** 3 ? `${Math.ceil(bytes / 1024 ** 2)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

async function filesIn(dir: string): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  for (const name of await namesIn(dir)) {
    const path = join(dir, name);
    const info = await stat(path).catch(() => undefined);
    if (info?.isFile() === true) found.push({ name, path, bytes: info.size });
  }
  return found;
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (cause) {
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'it does not exist',
      ENOTDIR: 'it is not a folder',
      EACCES: 'permission denied',
    };
    const code = errorCodeOf(cause) ?? String(cause);
    throw new UsageError(`--sources ${dir} cannot be read: ${reasons[code] ?? code}`, {
      hint: 'Give a folder that holds source tarballs.',
      cause,
    });
  }
}

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256OfFile, type Sha256 } from '../core/digest.js';
import { StorageError } from '../core/errors.js';
import { errorCodeOf, writingTo } from '../core/file-system.js';
import { processIdentity } from '../core/process-identity.js';

/** The result of adding bytes as a pinned file: stored at a path, or rejected because of their digest. */
export type Kept =
  { readonly kept: true; readonly path: string } | { readonly kept: false; readonly actual: Sha256 };

/** The folder of pinned files, each named by its sha256. No file ever has a wrong name. */
export interface SourceFiles {
  /**
   * Returns the path of the file with that digest, or undefined if there is none. Verifies its bytes once per process. A file
   * whose bytes have changed is removed, reported, and counts as missing.
   */
  find(digest: Sha256, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Writes the bytes to a temporary file and renames it if their digest is right. Leaves nothing behind on failure. Throws
   * StorageError if they cannot be written.
   */
  keep(chunks: AsyncIterable<Uint8Array>, digest: Sha256): Promise<Kept>;
  /** Calls `use` with an empty folder, which is removed afterwards. Throws StorageError if it cannot be created. */
  withScratch<T>(use: (folder: string) => Promise<T>): Promise<T>;
}

/** Settings of `createSourceFiles`. */
export interface SourceFilesOptions {
  readonly sourcesDir: string;
  /** Folder for temporary files on the same file system. */
  readonly tmpDir: string;
  readonly report: (line: string) => void;
}

/** Opens the folder of pinned files. It is created with the first file. */
export function createSourceFiles(options: SourceFilesOptions): SourceFiles {
  const { sourcesDir, tmpDir, report } = options;
  const verified = new Set<Sha256>();
  const pathOf = (digest: Sha256): string => join(sourcesDir, digest);

  const touch = async (path: string): Promise<boolean> => {
    try {
      const now = new Date();
      await utimes(path, now, now);
      return true;
    } catch (error) {
      // Another user's store may be read-only. Only the time of last use is lost then.
      return errorCodeOf(error) !== 'ENOENT';
    }
  };

  return {
    async find(digest, signal) {
      const path = pathOf(digest);
      if (verified.has(digest) && (await touch(path))) return path;
      const actual = await digestOf(path, signal);
      if (actual === undefined) return undefined;
      if (actual !== digest) {
        await writingTo(sourcesDir, () => rm(path, { force: true }));
        report(`${path} is damaged (its sha256 is ${actual}): removed`);
        return undefined;
      }
      verified.add(digest);
      await touch(path);
      return path;
    },

    async keep(chunks, digest) {
      const temporary = join(tmpDir, temporaryName());
      try {
        await writingTo(sourcesDir, () => mkdir(sourcesDir, { recursive: true }));
        const file = await writingTo(tmpDir, async () => {
          await mkdir(tmpDir, { recursive: true });
          return open(temporary, 'wx');
        });
        const hash = createHash('sha256');
        try {
          for await (const chunk of chunks) {
            hash.update(chunk);
            await writingTo(tmpDir, () => file.writeFile(chunk));
          }
        } finally {
          await writingTo(tmpDir, () => file.close());
        }
        const actual = hash.digest('hex') as Sha256;
        if (actual !== digest) return { kept: false, actual };
        await writingTo(sourcesDir, () => rename(temporary, pathOf(digest)));
        verified.add(digest);
        return { kept: true, path: pathOf(digest) };
      } finally {
        await rm(temporary, { force: true });
      }
    },

    async withScratch(use) {
      const folder = await writingTo(tmpDir, async () => {
        await mkdir(tmpDir, { recursive: true });
        return mkdtemp(join(tmpDir, `${temporaryName()}-`));
      });
      try {
        return await use(folder);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Yields the bytes of a local file, for `keep`. An abort throws the signal's reason. */
export async function* bytesOfFile(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal.throwIfAborted();
    yield chunk as Buffer;
  }
}

/** Returns a name that starts with the process's identity, so that the store can remove what a killed run left. */
function temporaryName(): string {
  return `${processIdentity()}-${randomBytes(6).toString('hex')}`;
}

async function digestOf(path: string, signal: AbortSignal): Promise<Sha256 | undefined> {
  try {
    return await sha256OfFile(path, signal);
  } catch (cause) {
    signal.throwIfAborted();
    if (errorCodeOf(cause) === 'ENOENT') return undefined;
    throw new StorageError(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'Remove the file; it will be downloaded again.',
      cause,
    });
  }
}

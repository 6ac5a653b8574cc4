import type { PinnedFile } from '../recipe/source.js';
import type { SourceFiles } from './source-files.js';

/** A place that provides sources: a folder, URLs, or an archive. */
export interface SourceProvider {
  /** The name in messages: `--sources DIR`, `Debian's archive`. */
  readonly name: string;
  /**
   * Searches for the pinned file and adds it to the store. Throws IntegrityError if the place has wrong bytes at that
   * address, StorageError if they cannot be written, or the signal's reason. Any other failure is a result.
   */
  find(file: PinnedFile, options: FindOptions): Promise<FindResult>;
}

/** Options of `SourceProvider.find`. */
export interface FindOptions {
  /** The store: `keep` verifies what is added. */
  readonly files: SourceFiles;
  readonly signal: AbortSignal;
}

/** The result of a search: the file, or the places that did not have it. */
export type FindResult = FoundFile | { readonly attempts: readonly FailedAttempt[] };

/** A file that a provider found. */
export interface FoundFile {
  /** The path in the store of the verified file. */
  readonly path: string;
  /** `https://…`, or `Debian's archive (trixie, lua5.4 5.4.7-1)` */
  readonly from: string;
}

/** A place that did not provide a file. */
export interface FailedAttempt {
  /** A URL, `--sources DIR`, or `Debian's archive (trixie, lua5.4 5.4.7-1)`. */
  readonly place: string;
  readonly reason: string;
}

/** Formats an attempt: `https://…: the host name does not resolve`. */
export function attemptLine(attempt: FailedAttempt): string {
  return `${attempt.place}: ${attempt.reason}`;
}

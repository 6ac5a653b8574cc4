import type { PinnedFile } from '../recipe/source.js';
import type { SourceFiles } from './source-files.js';

/** A place that sources come from: a folder, URLs, or an archive. */
export interface SourceProvider {
  /** For the reader: `--sources DIR`, `Debian's archive`. */
  readonly name: string;
  /**
   * Looks for the pinned file and adds it to the store. Throws IntegrityError (the place has wrong bytes under
   * that address), StorageError (the disk refuses), or the signal's reason; any other failure is a result.
   */
  find(file: PinnedFile, options: FindOptions): Promise<FindResult>;
}

export interface FindOptions {
  /** The store: `keep` verifies what is added. */
  readonly files: SourceFiles;
  readonly signal: AbortSignal;
}

/** What a provider came to: the file's path in the store, or the places that did not have it. */
export type FindResult = FoundFile | { readonly attempts: readonly FailedAttempt[] };

export interface FoundFile {
  /** In the store; the bytes there are the pinned ones. */
  readonly path: string;
  /** `https://…`, or `Debian's archive (trixie, lua5.4 5.4.7-1)` */
  readonly from: string;
}

/** A place that was asked for a file and did not have it. */
export interface FailedAttempt {
  /** A URL, `--sources DIR`, or `Debian's archive (trixie, lua5.4 5.4.7-1)`. */
  readonly place: string;
  readonly reason: string;
}

/** `https://…: the host name does not resolve` */
export function attemptLine(attempt: FailedAttempt): string {
  return `${attempt.place}: ${attempt.reason}`;
}

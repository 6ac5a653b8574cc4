import type { Readable } from 'node:stream';
import type { Sha256 } from '../core/digest.js';
import type { Shelf, StoredItem } from './store.js';

/**
 * The kinds of entries in a shared store: those of a folder, and the results of stages by their input keys. A stage's result names the
 * same bytes as its artifact.
 */
export type SharedShelf = Shelf | 'stages';

/** What is known of an entry without its bytes. */
export type ArtifactRecord = Omit<StoredItem, 'path'>;

/**
 * How an entry was kept: now, or before by somebody else with the same bytes; or there are other bytes under its key. `untrusted` means that
 * the record that is there is not signed by a trusted key.
 */
export type Kept =
  | { readonly status: 'kept' | 'present' | 'untrusted' }
  | { readonly status: 'other'; readonly sha256: Sha256; readonly trusted: boolean };

/**
 * A store that several machines share. An entry is created once and never replaced. Every method throws SharedStoreError if the store does not
 * answer or does not allow the request, and the reason of an aborted signal.
 */
export interface ArtifactStore {
  /** The name for messages: `s3://acme/layersmith`. */
  readonly name: string;
  /**
   * Returns the record of an entry. Undefined if there is none, or none that is signed by a trusted key. Throws IntegrityError in the second
   * case if the store requires signatures.
   */
  find(shelf: SharedShelf, key: Sha256, signal: AbortSignal): Promise<ArtifactRecord | undefined>;
  /**
   * Writes the bytes of an entry to a file. Returns false if they are gone. Throws IntegrityError if they are not those of the record; the file
   * is then of no use.
   */
  fetch(shelf: SharedShelf, record: ArtifactRecord, output: string, signal: AbortSignal): Promise<boolean>;
  /** Keeps an entry: its bytes first, then its record. */
  keep(shelf: SharedShelf, item: StoredItem, signal: AbortSignal): Promise<Kept>;
  /** Opens a pinned source. Undefined if there is none. The caller compares its bytes with the digest. */
  readSource(digest: Sha256, signal: AbortSignal): Promise<Readable | undefined>;
  /** Keeps a pinned source. Returns false if it is there already. */
  keepSource(digest: Sha256, path: string, signal: AbortSignal): Promise<boolean>;
}

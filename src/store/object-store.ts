import type { Readable } from 'node:stream';
import type { Sha256 } from '../core/digest.js';

/** The content of a new object: bytes in memory, or a file. */
export type ObjectContent =
  | { readonly bytes: Uint8Array }
  | { readonly file: string; readonly sizeBytes: number; readonly sha256: Sha256 };

/**
 * Named objects that are created once and never replaced, such as a bucket of S3. Every method throws SharedStoreError if the store does not
 * answer or does not allow the request, and the reason of an aborted signal.
 */
export interface ObjectStore {
  /** The name for messages: `s3://acme/layersmith`. */
  readonly name: string;
  /** Opens an object. Undefined if there is none. The stream emits a SharedStoreError if it breaks off. */
  read(object: string, signal: AbortSignal): Promise<Readable | undefined>;
  /** Reports whether there is an object. */
  exists(object: string, signal: AbortSignal): Promise<boolean>;
  /** Creates an object. Returns false, and changes nothing, if there is one of that name. */
  create(object: string, content: ObjectContent, signal: AbortSignal): Promise<boolean>;
}

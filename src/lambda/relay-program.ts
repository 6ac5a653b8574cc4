import { readPrebuilt } from '../core/prebuilt.js';
import type { Architecture } from '../platform/platform.js';

/**
 * Returns the bytes of the relay (`native/relay/relay.c`) for an architecture: a static program that provides the Runtime
 * API in a container without a network. Throws IntegrityError if it is missing or damaged.
 */
export function relayProgram({ architecture }: { readonly architecture: Architecture }): Promise<Uint8Array> {
  return readPrebuilt(`relay-${architecture}`);
}

import { readPrebuilt } from '../core/prebuilt.js';
import type { Architecture } from '../platform/platform.js';

/**
 * The bytes of the relay (`native/relay/relay.c`) for an architecture: a static program that carries the Runtime API into
 * a container that has no network. Throws IntegrityError when it is missing or damaged.
 */
export function relayProgram({ architecture }: { readonly architecture: Architecture }): Promise<Uint8Array> {
  return readPrebuilt(`relay-${architecture}`);
}

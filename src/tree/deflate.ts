import { deflate as libdeflate } from 'libdeflate';

/** Of 12. Beyond it, a layer takes twice the time and more for two percent. */
const LEVEL = 9;

const ERRORS = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * Deflates bytes (RFC 1951) with libdeflate, compiled to WebAssembly: the same result on every machine, where Node's own zlib
 * gives other bytes in other builds.
 */
export function deflate(bytes: Uint8Array): Uint8Array {
  // What starts the WebAssembly listens for the errors of the whole process; those are the command line's.
  const before = ERRORS.map((event) => process.rawListeners(event));
  try {
    return libdeflate(bytes, LEVEL);
  } finally {
    for (const [index, event] of ERRORS.entries()) {
      const added = process
        .rawListeners(event)
        .filter((listener) => before[index]?.includes(listener) !== true);
      for (const listener of added) process.off(event, listener as () => void);
    }
  }
}

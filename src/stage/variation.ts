/**
 * Conditions of a build that must not change what comes out, changed on purpose: `recipes/variations` is loaded into
 * every program of the stage, which then sees another date, kernel, processor count and file order; the container
 * has another host name, and another user builds.
 */
export interface Variation {
  /** `variations.so`, compiled for the toolchain image. */
  readonly library: Uint8Array;
}

/** Where the library lies in a stage container. */
export const VARIATION_LIBRARY = '/build/variations.so';
export const VARIED_HOSTNAME = 'another-host';
/** The user and group that build, in place of the usual ones. */
export const VARIED_BUILDER = 4321;

/**
 * Varies the conditions of a build that must not change its result. `recipes/variations` is preloaded into every program of
 * the stage, which then sees another date, kernel, processor count and file order. The container has another host name, and
 * the build runs as another user.
 */
export interface Variation {
  /** `variations.so`, compiled for the toolchain image. */
  readonly library: Uint8Array;
}

/** The path of the library in a stage container. */
export const VARIATION_LIBRARY = '/build/variations.so';
/** The host name of a varied build. */
export const VARIED_HOSTNAME = 'another-host';
/** The id of the user and group of a varied build. */
export const VARIED_BUILDER = 4321;

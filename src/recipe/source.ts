import type { Sha256 } from '../core/digest.js';

/** One file that a recipe pins: these bytes and no others. */
export interface PinnedFile {
  /** The file name under which the build sees it: `php-8.4.24.tar.xz`. */
  readonly name: string;
  readonly sha256: Sha256;
  /** Where upstream and its mirrors keep it, in the order in which they are asked. */
  readonly urls: readonly string[];
}

/** Something that a build needs, in one or more packings; any one of them will do, the first is preferred. */
export interface Source {
  readonly name: string;
  readonly alternatives: readonly PinnedFile[];
}

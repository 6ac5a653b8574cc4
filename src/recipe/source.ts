import type { Sha256 } from '../core/digest.js';

/** A file that a recipe pins by its sha256. */
export interface PinnedFile {
  /** The file name in the build: `php-8.4.24.tar.xz`. */
  readonly name: string;
  readonly sha256: Sha256;
  /** The URLs to download it from, in the order in which they are tried. */
  readonly urls: readonly string[];
  /**
   * The path below a mirror of Debian where the file was last seen, for files that no index lists any more:
   * `pool/main/p/php8.4/php8.4_8.4.24.orig.tar.xz`. `pool/updates/` is in the security archive.
   */
  readonly debian?: string | undefined;
}

/** A patch in the tree of one of a recipe's sources, which is applied to the first source. */
export interface SourcePatch {
  /** The name of the source that has it: `debian`. */
  readonly source: string;
  /** Its path in that source: `patches/CVE-2022-40303.patch`. */
  readonly path: string;
  /** The security holes that it closes, `CVE-…`. Empty for one that others need, or for a hole without a name. */
  readonly resolves: readonly string[];
}

/** A source that a build needs, as one or more alternative archives. One is enough; the first is preferred. */
export interface Source {
  readonly name: string;
  readonly alternatives: readonly PinnedFile[];
}

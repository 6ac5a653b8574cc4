import type { Sha256 } from '../core/digest.js';

/** A file of Debian's archive, pinned by its digest. */
export interface DebianPackage {
  /** Below the mirror's folder: `pool/main/b/bash/bash_5.2.15-2+b9_amd64.deb`. */
  readonly path: string;
  readonly sha256: Sha256;
}

/** Returns the file name of a package: `bash_5.2.15-2+b9_amd64.deb`. */
export function debName({ path }: DebianPackage): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Returns the package's name and version, without the epoch, which file names do not have. */
export function packageOf(file: DebianPackage): { readonly name: string; readonly version: string } {
  const [name = '', version = ''] = debName(file).split('_');
  return { name, version };
}

/** Formats a package as a line of the lock file: `PATH SHA256`. */
export function formatPin({ path, sha256 }: DebianPackage): string {
  return `${path} ${sha256}`;
}

const PIN = /^(pool\/[^\s]+\/[^\s/_]+_[^\s/_]+_[^\s/_]+\.deb) ([0-9a-f]{64})$/;

/** Parses a line of the lock file. Returns undefined if it has another form. */
export function parsePin(line: string): DebianPackage | undefined {
  const [, path, sha256] = PIN.exec(line) ?? [];
  return path === undefined || sha256 === undefined ? undefined : { path, sha256: sha256 as Sha256 };
}

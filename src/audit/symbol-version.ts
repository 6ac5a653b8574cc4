import { compareVersions } from 'compare-versions';
import type { AbiProfile } from '../platform/abi-profile.js';

/** A version of glibc's that names no number, and the one that it came with (glibc's NEWS). */
const NAMED_OF_GLIBC = new Map([['GLIBC_ABI_DT_RELR', '2.36']]);

/** Four numbers at most, as `compareVersions` reads them: it throws for more, and a file may have any text here. */
const FORM = /^([A-Z_]+?)_(\d+(?:\.\d+){0,3})$/;

/** Whether a platform has a symbol version, and the newest of that family that it has, for people. */
export interface VersionVerdict {
  readonly has: boolean;
  /** `2.34`; undefined for a family that it does not have, and for versions that are nobody's to use. */
  readonly newest: string | undefined;
}

/** `GLIBC_2.36` against a profile. `GLIBC_PRIVATE` is glibc's own: it fits the very build that it was linked with. */
export function judgeVersion(version: string, profile: AbiProfile): VersionVerdict {
  if (profile.named.has(version)) return { has: true, newest: undefined };
  const named = NAMED_OF_GLIBC.get(version);
  const [, family, number] = named === undefined ? (FORM.exec(version) ?? []) : [version, 'GLIBC', named];
  if (family === undefined || number === undefined) return { has: false, newest: undefined };
  const newest = profile.newest.get(family);
  return { has: newest !== undefined && compareVersions(number, newest) <= 0, newest };
}

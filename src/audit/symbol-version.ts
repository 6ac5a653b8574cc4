import { compareVersions } from 'compare-versions';
import type { AbiProfile } from '../platform/abi-profile.js';

/** Versions of glibc without a number, and the numbered versions that introduced them (glibc's NEWS). */
const NAMED_OF_GLIBC = new Map([['GLIBC_ABI_DT_RELR', '2.36']]);

/** At most four numbers: `compareVersions` throws for more, and a file can contain any text here. */
const FORM = /^([A-Z_]+?)_(\d+(?:\.\d+){0,3})$/;

/** Whether a platform has a symbol version, and the newest version of that family for messages. */
export interface VersionVerdict {
  readonly has: boolean;
  /** `2.34`. Undefined for an unknown family, and for private versions. */
  readonly newest: string | undefined;
}

/** Checks `GLIBC_2.36` against a profile. `GLIBC_PRIVATE` is internal: it fits only the glibc it was linked with. */
export function judgeVersion(version: string, profile: AbiProfile): VersionVerdict {
  if (profile.named.has(version)) return { has: true, newest: undefined };
  const named = NAMED_OF_GLIBC.get(version);
  const [, family, number] = named === undefined ? (FORM.exec(version) ?? []) : [version, 'GLIBC', named];
  if (family === undefined || number === undefined) return { has: false, newest: undefined };
  const newest = profile.newest.get(family);
  return { has: newest !== undefined && compareVersions(number, newest) <= 0, newest };
}

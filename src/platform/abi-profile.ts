import { UsageError } from '../core/errors.js';
import {
  platformNames,
  readPlatformFile,
  type Architecture,
  type PlatformFile,
  type PlatformFolders,
} from './platform.js';

/** What a layer may need of a platform, and what else is there that could get in its way. */
export interface AbiProfile {
  /** `provided.al2023`. */
  readonly name: string;
  readonly architecture: Architecture;
  /** The newest version of each family of symbols: `GLIBC` → `2.34`. */
  readonly newest: ReadonlyMap<string, string>;
  /** Versions that have no number: `CXXABI_FLOAT128`. */
  readonly named: ReadonlySet<string>;
  /** The sonames that every sandbox has. */
  readonly libraries: ReadonlySet<string>;
  /** Those, and all others that are known to lie in its library folders: they come before `/opt/lib`. */
  readonly present: ReadonlySet<string>;
  /** Paths that a `#!` may name. */
  readonly interpreters: ReadonlySet<string>;
}

/**
 * The profiles of all platforms for an architecture, the oldest first: each has all that those before it have. Throws
 * RecipeError for a file with mistakes, UsageError where the files do not follow one from another.
 */
export async function loadAbiProfiles(
  folders: PlatformFolders,
  architecture: Architecture,
): Promise<readonly AbiProfile[]> {
  const files = new Map<string, PlatformFile>();
  for (const name of await platformNames(folders)) files.set(name, await readPlatformFile(name, folders));
  const profiles: AbiProfile[] = [];
  for (let older: AbiProfile | undefined; profiles.length < files.size;) {
    const next = [...files].filter(([, { abi }]) => abi.extends === older?.name);
    const [found] = next;
    if (found === undefined || next.length > 1) {
      throw new UsageError(
        `${next.length} platforms in ${folders.join(', ')} extend ${older?.name ?? 'nothing'}, not one`,
        {
          hint: 'Let `abi.extends` of each name the one before it: they are one row, from the oldest on.',
        },
      );
    }
    older = profileOf(found, { architecture, older });
    profiles.push(older);
  }
  return profiles;
}

function profileOf(
  [name, { glibc, abi }]: readonly [string, PlatformFile],
  { architecture, older }: { readonly architecture: Architecture; readonly older: AbiProfile | undefined },
): AbiProfile {
  const libraries = new Set([
    ...(older?.libraries ?? []),
    ...abi.libraries.all,
    ...abi.libraries[architecture],
  ]);
  return {
    name,
    architecture,
    newest: new Map([...(older?.newest ?? []), ...Object.entries(abi.newest), ['GLIBC', glibc]]),
    named: new Set([...(older?.named ?? []), ...abi.named]),
    libraries,
    present: new Set([...libraries, ...abi.present.all, ...abi.present[architecture]]),
    interpreters: new Set([...(older?.interpreters ?? []), ...abi.interpreters]),
  };
}

import { UsageError } from '../core/errors.js';
import {
  platformNames,
  readPlatformFile,
  type Architecture,
  type PlatformFile,
  type PlatformFolders,
} from './platform.js';

/** What a layer may use of a platform's ABI, and which other libraries of the platform could conflict with it. */
export interface AbiProfile {
  /** `provided.al2023`. */
  readonly name: string;
  readonly architecture: Architecture;
  /** The newest version of each symbol version family: `GLIBC` → `2.34`. */
  readonly newest: ReadonlyMap<string, string>;
  /** Symbol versions without a number: `CXXABI_FLOAT128`. */
  readonly named: ReadonlySet<string>;
  /** The sonames of the libraries that every sandbox provides. */
  readonly libraries: ReadonlySet<string>;
  /** `libraries` and all other sonames known to be in the platform's library folders, which are searched before `/opt/lib`. */
  readonly present: ReadonlySet<string>;
  /** The paths that a `#!` line may name. */
  readonly interpreters: ReadonlySet<string>;
}

/**
 * Loads the profiles of all platforms for an architecture, oldest first. Each profile includes everything of the ones
 * before it. Throws RecipeError for an invalid file, and UsageError if the files do not form one chain.
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
        `${next.length} platforms in ${folders.join(', ')} extend ${older?.name ?? 'nothing'}, expected one`,
        {
          hint: 'Set `abi.extends` of each platform to the next older one, so that they form one chain.',
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

import { compareVersions, parseVersion } from '../core/version-order.js';
import type { LineFile } from './recipe-schema.js';
import type { Source, SourcePatch } from './source.js';

/** A release of a line: its version, and the files that it is built from. */
export interface Release {
  readonly version: string;
  /** The security holes that the next older release of the line has and this one does not, as far as they are known: `CVE-…`. */
  readonly security: readonly string[];
  readonly sources: readonly Source[];
  /** In the order in which they are applied. */
  readonly patches: readonly SourcePatch[];
  /** The versions of the projects whose copies are in the sources, by name; `unknown` where nothing tells it. */
  readonly bundles: Readonly<Record<string, string>>;
}

/** A line, from whose releases one is to be chosen. */
export interface ReleaseRequest {
  /** `php/8.4`. */
  readonly name: string;
  /** Newest first; at least one. */
  readonly releases: readonly Release[];
  /** The release that was asked for by its version, `php/8.4.27`; undefined if the line alone was named. */
  readonly exact: Release | undefined;
}

/** Chooses the release that a line is built from. Called for every line that is loaded, also for those with one release. */
export type ReleaseOf = (request: ReleaseRequest) => Promise<Release>;

/** Returns the releases of a line's file, newest first. */
export function releasesIn({ version, sources, patches, bundles, releases }: LineFile): readonly Release[] {
  const listed = releases ?? [
    { version: version ?? '', security: [], sources: sources ?? {}, patches: patches ?? {}, bundles },
  ];
  return listed.map((release, index) => ({
    version: release.version,
    security: release.security,
    patches: Object.entries(release.patches).flatMap(([source, files]) =>
      Object.entries(files).map(([path, resolves]) => ({ source, path, resolves })),
    ),
    bundles: release.bundles ?? unknownBundles(listed.slice(index)),
    sources: Object.entries(release.sources).map(([name, alternatives]) => ({
      name,
      alternatives: alternatives.map(({ file, sha256, urls, debian }) => ({
        name: file,
        sha256,
        urls,
        debian,
      })),
    })),
  }));
}

/** Returns what the next older release bundles, in unknown versions. */
function unknownBundles(
  older: readonly { readonly bundles?: Readonly<Record<string, string>> | undefined }[],
): Readonly<Record<string, string>> {
  const names = Object.keys(older.find(({ bundles }) => bundles !== undefined)?.bundles ?? {});
  return Object.fromEntries(names.map((name) => [name, 'unknown']));
}

/** Chooses the newest release of each line. */
export const newestRelease: ReleaseOf = ({ releases, exact }) => {
  const [newest] = releases;
  const release = exact ?? newest;
  if (release === undefined) throw new RangeError('a line has at least one release');
  return Promise.resolve(release);
};

/**
 * Chooses the releases that a layer was built from, by the names of its recipes. A line that the layer does not have, or not in
 * a release that is known here, gets its newest one.
 */
export function releasesOfLayer(
  stages: readonly { readonly recipe: string; readonly version: string }[],
): ReleaseOf {
  const versions = new Map(stages.map(({ recipe, version }) => [recipe, version]));
  return async (request) =>
    request.exact ??
    request.releases.find(({ version }) => version === versions.get(request.name)) ??
    newestRelease(request);
}

/** Reports whether a version belongs to a line by its name: 8.4.27 to 8.4, 1.0.1u to 1.0.1. */
export function isOfLine(version: string, line: string): boolean {
  return version.startsWith(line) && !/^\d/.test(version.slice(line.length));
}

/** Returns the known versions that are next to one that is not known: the newest that is older, and the oldest that is newer. */
export function nearestVersions(version: string, known: readonly string[]): readonly string[] {
  const at = parseVersion(version, '');
  if (at === undefined) return known.slice(0, 2);
  const sorted = known
    .flatMap((text) => {
      const parsed = parseVersion(text, '');
      return parsed === undefined ? [] : [{ text, parsed }];
    })
    .sort((a, b) => compareVersions(a.parsed, b.parsed));
  const after = sorted.findIndex(({ parsed }) => compareVersions(parsed, at) > 0);
  const index = after === -1 ? sorted.length : after;
  return sorted.slice(Math.max(0, index - 1), index + 1).map(({ text }) => text);
}

import { parseVersion, type Version } from '../core/version-order.js';

/** A package that advisories are matched against, or a project that a package bundles. */
export interface AdvisedPackage {
  /** `openssl/3.5`. For a bundled project, the recipe of the package. */
  readonly recipe: string;
  readonly name: string;
  /** Undefined if the sources of the package do not contain the version of a bundled project. */
  readonly version?: string | undefined;
  /** `vendor:product`. */
  readonly cpe?: string | undefined;
  /** The patches that close holes in it which its version has. */
  readonly patches?: readonly ClosingPatch[] | undefined;
}

/** A patch that is compiled in, and the ids of the advisories that it closes. */
export interface ClosingPatch {
  readonly source: string;
  readonly path: string;
  readonly resolves: readonly string[];
}

/** What a statement of an advisory means for a version. `undecided`: it names commits or prose where a version is needed. */
export type Verdict =
  | { readonly state: 'affected'; readonly fixedIn: string | undefined; readonly why: string }
  | { readonly state: 'unaffected' }
  | { readonly state: 'undecided'; readonly why: string };

/** An advisory in any format. */
export interface Advisory {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** `HIGH`, `7.5`, or a CVSS vector, as in the advisory. */
  readonly severity: string | undefined;
  /** Why the packages that it concerns are unknown. Undefined for an advisory that names them. */
  readonly namesNoPackage: string | undefined;
  /** Returns the verdict on a package. Undefined if the advisory does not concern it. */
  verdictOn(pkg: AdvisedPackage): Verdict | undefined;
}

/** The version of a package, or the verdict of each advisory on a package whose version has no order. */
export function comparableVersion(
  pkg: AdvisedPackage,
): { readonly version: Version } | { readonly verdict: Verdict } {
  const version = pkg.version === undefined ? undefined : parseVersion(pkg.version, pkg.name);
  if (version !== undefined) return { version };
  const why =
    pkg.version === undefined ? `the version of ${pkg.name} is unknown` : `${pkg.version} cannot be compared`;
  return { verdict: { state: 'undecided', why } };
}

/** Combines the verdicts of several statements about one package. One that affects it takes precedence. */
export function strongest(verdicts: readonly Verdict[]): Verdict | undefined {
  return (
    verdicts.find(({ state }) => state === 'affected') ??
    verdicts.find(({ state }) => state === 'undecided') ??
    verdicts[0]
  );
}

/** Shortens a text to one line of at most 120 characters. */
export function shortened(text: string): string {
  const [line = ''] = text.trim().split('\n');
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`;
}

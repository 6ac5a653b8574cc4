/** A package that advisories are matched against. */
export interface AdvisedPackage {
  /** `openssl/3.5`. */
  readonly recipe: string;
  readonly name: string;
  readonly version: string;
  /** `vendor:product`. */
  readonly cpe?: string | undefined;
}

/** What one statement of an advisory means for a version. `undecided`: it has commits or words where a version is needed. */
export type Verdict =
  | { readonly state: 'affected'; readonly fixedIn: string | undefined; readonly why: string }
  | { readonly state: 'unaffected' }
  | { readonly state: 'undecided'; readonly why: string };

/** An advisory, whatever its format. */
export interface Advisory {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** `HIGH`, `7.5`, or a CVSS vector: what the advisory has. */
  readonly severity: string | undefined;
  /** Why nobody can say which packages it is about; undefined for an advisory that names them. */
  readonly namesNoPackage: string | undefined;
  /** Undefined when the advisory is not about the package. */
  verdictOn(pkg: AdvisedPackage): Verdict | undefined;
}

/** The verdict of several statements about one package: one that affects it decides. */
export function strongest(verdicts: readonly Verdict[]): Verdict | undefined {
  return (
    verdicts.find(({ state }) => state === 'affected') ??
    verdicts.find(({ state }) => state === 'undecided') ??
    verdicts[0]
  );
}

/** The first sentence's worth of a text. */
export function shortened(text: string): string {
  const [line = ''] = text.trim().split('\n');
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`;
}

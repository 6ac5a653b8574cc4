// The package compare-versions reads semantic versions: it expects a hyphen before `RC1`, rejects OpenSSL's letters, and does not
// order 1.0.1 < 1.0.1a < 1.0.2 or 8.4.0RC1 < 8.4.0. Debian's order (source/debian/debian-version.ts) differs again.

/** A version of one of the projects that layersmith compiles, parsed. */
export interface Version {
  readonly numbers: readonly number[];
  /** OpenSSL's letters: the `k` of 1.0.1k, the `zh` of 1.0.2zh. */
  readonly letters: string;
  /** A pre-release: `alpha1`, `beta2`, `RC1`. It comes before the release of that number. */
  readonly before: { readonly rank: number; readonly number: number } | undefined;
}

const STAGES = ['dev', 'alpha', 'beta', 'pre', 'rc'];
const FORM = /^(\d+(?:\.\d+)*)([a-z]{0,2}?)(?:[-.~]?(dev|alpha|beta|pre|rc)[-.]?(\d*))?$/;

/**
 * Parses a version as projects write it in numbers and in tags: `8.4.24`, `v1.3.1`, `openssl-3.5.7`, `OpenSSL_1_0_1k`,
 * `curl-8_14_1`, `php-8.4.0RC1`. Undefined for anything else, such as a commit.
 */
export function parseVersion(text: string, packageName: string): Version | undefined {
  let rest = text.trim().toLowerCase();
  for (const prefix of [packageName.toLowerCase(), 'release', 'version', 'v']) {
    const after = rest.startsWith(prefix) ? rest.slice(prefix.length).replace(/^[-_. ]/, '') : '';
    if (/^\d/.test(after)) rest = after;
  }
  const [, numbers, letters = '', stage, count] = FORM.exec(rest.replaceAll('_', '.')) ?? [];
  if (numbers === undefined) return undefined;
  return {
    numbers: numbers.split('.').map(Number),
    letters,
    before: stage === undefined ? undefined : { rank: STAGES.indexOf(stage), number: Number(count ?? '') },
  };
}

/** Compares two versions, for `sort`: 1.0.1 before 1.0.1a, 8.4.0RC1 before 8.4.0, 1.9 before 1.10; 1.3 equals 1.3.0. */
export function compareVersions(a: Version, b: Version): number {
  for (let i = 0; i < Math.max(a.numbers.length, b.numbers.length); i++) {
    const difference = (a.numbers[i] ?? 0) - (b.numbers[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (a.letters !== b.letters) return a.letters < b.letters ? -1 : 1;
  if (a.before === undefined || b.before === undefined)
    return Number(a.before === undefined) - Number(b.before === undefined);
  return a.before.rank - b.before.rank || a.before.number - b.before.number;
}

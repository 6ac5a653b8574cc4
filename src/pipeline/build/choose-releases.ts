import { IntegrityError } from '../../core/errors.js';
import { parseRecipeName } from '../../recipe/recipe-library.js';
import { newestRelease, type Release, type ReleaseOf, type ReleaseRequest } from '../../recipe/release.js';
import type { Availability } from '../../source/release-sources.js';

/** What decides which release of a line is built. */
export interface ReleaseRules {
  /** The releases in the project's lock, by their lines. */
  readonly locked: ReadonlyMap<string, string>;
  /** The path of the lock, for messages. */
  readonly lockPath: string;
  /** Refuse a line that the lock does not name, if it has several releases (`--locked`). */
  readonly needsLock: boolean;
  /** Reports whether the sources of a release are available. Asked newest first, up to the first that is. */
  readonly availability: (release: Release) => Promise<Availability>;
  readonly warn: (message: string) => void;
}

/**
 * Creates the choice of releases for one run: the release that was asked for, else the locked one, else the newest whose sources
 * are available, else the newest. A warning names newer releases that are known, and the security holes that they fix.
 *
 * The choice is made once for each line, while a plan is made. Nothing after it depends on what is available. It throws
 * IntegrityError if the lock names a release that is not known, or with `needsLock` none.
 */
export function chooseReleases(rules: ReleaseRules): ReleaseOf {
  const chosen = new Map<string, Promise<Release>>();
  return (request) => {
    const key = `${request.name} ${request.exact?.version ?? ''}`;
    const known = chosen.get(key);
    if (known !== undefined) return known;
    const choice = choose(request, rules);
    chosen.set(key, choice);
    return choice;
  };
}

async function choose(request: ReleaseRequest, rules: ReleaseRules): Promise<Release> {
  const { name, releases, exact } = request;
  const { warn, lockPath, needsLock } = rules;
  if (exact !== undefined) {
    const newer = newerThan(exact, releases);
    const named = `${parseRecipeName(name).package}/${exact.version}`;
    if (fixedBy(newer).length > 0) warn(`${named}: ${newerOnes(newer)}`);
    return exact;
  }
  const locked = rules.locked.get(name);
  if (locked !== undefined) {
    const release = releases.find(({ version }) => version === locked);
    if (release === undefined) throw unknownLocked({ name, locked, lockPath });
    const newer = newerThan(release, releases);
    if (newer.length > 0) warn(`${name}: builds ${locked}, as ${lockPath} says; ${newerOnes(newer)}`);
    return release;
  }
  if (releases.length === 1) return newestRelease(request);
  if (needsLock) throw notLocked({ name, releases, lockPath });
  const reasons = new Set<string>();
  for (const release of releases) {
    const answer = await rules.availability(release);
    if (answer.isAvailable) {
      const newer = newerThan(release, releases);
      if (newer.length > 0) warn(olderChosen(name, { release, newer, why: [...reasons] }));
      return release;
    }
    reasons.add(answer.why);
  }
  warn(`${name}: the sources of none of its releases are available (${[...reasons].join('; ')})`);
  return newestRelease(request);
}

function newerThan(release: Release, releases: readonly Release[]): readonly Release[] {
  return releases.slice(0, releases.indexOf(release));
}

function fixedBy(releases: readonly Release[]): readonly string[] {
  return [...new Set(releases.flatMap(({ security }) => security))];
}

/** `8.4.28 and 8.4.27 are newer, and fix CVE-2026-1 and CVE-2026-2`. */
function newerOnes(newer: readonly Release[]): string {
  const [is, fix] = newer.length === 1 ? ['is', 'fixes'] : ['are', 'fix'];
  const fixed = fixedBy(newer);
  return `${versions(newer)} ${is} newer${fixed.length === 0 ? '' : `, and ${fix} ${listed(fixed)}`}`;
}

function olderChosen(
  name: string,
  {
    release,
    newer,
    why,
  }: { readonly release: Release; readonly newer: readonly Release[]; readonly why: readonly string[] },
): string {
  const fixed = fixedBy(newer);
  const fixes =
    fixed.length === 0 ? '' : `; ${newer.length === 1 ? 'it fixes' : 'they fix'} ${listed(fixed)}`;
  return `${name}: builds ${release.version}, because the sources of ${versions(newer)} are not available (${why.join('; ')})${fixes}`;
}

function versions(releases: readonly Release[]): string {
  return listed(releases.map(({ version }) => version));
}

/** `a`, `a and b`, `a, b and c`. */
function listed(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1) ?? ''}`;
}

function unknownLocked({
  name,
  locked,
  lockPath,
}: {
  readonly name: string;
  readonly locked: string;
  readonly lockPath: string;
}): IntegrityError {
  return new IntegrityError(`${lockPath} locks ${name} to ${locked}, which its recipe does not list`, {
    hint: `Add that release to the recipe, or lock another one with \`layersmith lock ${name}\`.`,
  });
}

function notLocked({
  name,
  releases,
  lockPath,
}: {
  readonly name: string;
  readonly releases: readonly Release[];
  readonly lockPath: string;
}): IntegrityError {
  const example = `${parseRecipeName(name).package}/${releases[0]?.version ?? ''}`;
  return new IntegrityError(`--locked: the lock file has no release of ${name}`, {
    details: { known: releases.map(({ version }) => version) },
    hint: `Run \`layersmith lock ${name}\`, which also locks its libraries, and commit ${lockPath}; or name one release, such as ${example}.`,
  });
}

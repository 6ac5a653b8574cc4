import { z } from 'zod';
import {
  comparableVersion,
  shortened,
  strongest,
  type AdvisedPackage,
  type Advisory,
  type Verdict,
} from './advisory.js';
import { compareVersions, parseVersion, type Version } from '../core/version-order.js';

const event = z.object({
  introduced: z.string().optional(),
  fixed: z.string().optional(),
  last_affected: z.string().optional(),
});

const affected = z.object({
  package: z
    .object({ ecosystem: z.string().default(''), name: z.string(), purl: z.string().optional() })
    .optional(),
  ranges: z
    .array(
      z.object({
        type: z.string(),
        repo: z.string().optional(),
        events: z.array(event).default([]),
        /** In records that OSV derived from CVEs: the versions for which the commits stand. */
        database_specific: z
          .object({ versions: z.array(event).optional() })
          .optional()
          .catch(undefined),
      }),
    )
    .default([]),
  versions: z.array(z.string()).default([]),
});

/** Open Source Vulnerability format (https://ossf.github.io/osv-schema/). */
const osvSchema = z.object({
  id: z.string(),
  modified: z.string(),
  aliases: z.array(z.string()).default([]),
  withdrawn: z.string().optional(),
  summary: z.string().default(''),
  details: z.string().default(''),
  severity: z.array(z.object({ score: z.string() })).default([]),
  database_specific: z.object({ severity: z.string().optional() }).optional().catch(undefined),
  affected: z.array(affected).default([]),
});

type Affected = z.infer<typeof affected>;
type Events = readonly z.infer<typeof event>[];

/** Ecosystems that use upstream versions. Distributions have their own, and those of languages contain other packages. */
const ECOSYSTEMS = ['', 'git', 'oss-fuzz', 'bitnami', 'conancenter', 'generic'];
const PURLS = /^pkg:(generic|bitnami|conan|github|gitlab)\/([^@?#]+)/;

/** Reads an advisory in OSV's format; undefined for other JSON. */
export function readOsv(json: unknown): Advisory | undefined {
  const parsed = osvSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const { id, aliases, withdrawn, summary, details, severity, affected: list } = parsed.data;
  return {
    id,
    aliases,
    summary: shortened(summary === '' ? details : summary),
    severity: parsed.data.database_specific?.severity ?? severity[0]?.score,
    namesNoPackage:
      withdrawn === undefined && (list.length === 0 || !list.every(namesPackage))
        ? 'it does not name the package'
        : undefined,
    verdictOn(pkg) {
      if (withdrawn !== undefined) return undefined;
      return strongest(list.filter((each) => speaksOf(each, pkg)).map((each) => verdictOf(each, pkg)));
    },
  };
}

/** Whether an entry names a package, or a repository that stands for one. */
function namesPackage({ package: named, ranges }: Affected): boolean {
  return named !== undefined || ranges.some(({ repo }) => repo !== undefined);
}

function speaksOf({ package: named, ranges }: Affected, pkg: AdvisedPackage): boolean {
  const isOurs = (name: string): boolean => name.toLowerCase() === pkg.name.toLowerCase();
  if (named === undefined) return ranges.some(({ repo }) => repo !== undefined && isOurs(projectOf(repo)));
  const [, , path] = PURLS.exec(named.purl ?? '') ?? [];
  if (path !== undefined && isOurs(projectOf(decodeURIComponent(path)))) return true;
  const [ecosystem = ''] = named.ecosystem.split(':');
  return ECOSYSTEMS.includes(ecosystem.toLowerCase()) && isOurs(projectOf(named.name));
}

/** Returns `php` for `https://github.com/php/php-src.git`. */
function projectOf(address: string): string {
  const [name = ''] = address.replace(/\/$/, '').split('/').slice(-1);
  return name.replace(/\.git$/, '').replace(/-src$/, '');
}

function verdictOf({ ranges, versions }: Affected, pkg: AdvisedPackage): Verdict {
  const comparable = comparableVersion(pkg);
  if ('verdict' in comparable) return comparable.verdict;
  const { version } = comparable;
  const verdicts = ranges.map(({ type, events, database_specific: more }): Verdict => {
    if (type !== 'GIT') return inEvents(events, { version, pkg });
    if (more?.versions !== undefined) return inEvents(more.versions, { version, pkg });
    // If there is a list of versions, the commits add nothing to it.
    return versions.length > 0
      ? { state: 'unaffected' }
      : { state: 'undecided', why: 'it names only commits' };
  });
  const listed = versions.some((text) => {
    const other = parseVersion(text, pkg.name);
    return other !== undefined && compareVersions(other, version) === 0;
  });
  const fixedIn = verdicts.find((verdict) => verdict.state === 'affected')?.fixedIn;
  if (listed) return { state: 'affected', fixedIn, why: `${pkg.version ?? ''} is in its list` };
  return (
    strongest(verdicts) ?? {
      state: versions.length > 0 ? 'unaffected' : 'undecided',
      why: 'it names no version',
    }
  );
}

/** Evaluates events as OSV's specification says, in the order of their versions. */
function inEvents(
  events: Events,
  { version, pkg }: { readonly version: Version; readonly pkg: AdvisedPackage },
): Verdict {
  const bounds: {
    readonly at: Version;
    readonly text: string;
    readonly kind: 'introduced' | 'fixed' | 'last';
  }[] = [];
  for (const { introduced, fixed, last_affected: last } of events) {
    for (const [kind, text] of [
      ['introduced', introduced],
      ['fixed', fixed],
      ['last', last],
    ] as const) {
      if (text === undefined) continue;
      const at = parseVersion(text, pkg.name);
      if (at === undefined) return { state: 'undecided', why: `${text} cannot be compared` };
      bounds.push({ at, text, kind });
    }
  }
  bounds.sort((a, b) => compareVersions(a.at, b.at));
  let from: string | undefined;
  for (const { at, text, kind } of bounds) {
    const order = compareVersions(version, at);
    if (kind === 'introduced' && order >= 0) from = text;
    if ((kind === 'fixed' && order >= 0) || (kind === 'last' && order > 0)) from = undefined;
  }
  if (from === undefined) return { state: 'unaffected' };
  const fixed = bounds.find(({ at, kind }) => kind === 'fixed' && compareVersions(at, version) > 0);
  return { state: 'affected', fixedIn: fixed?.text, why: `introduced in ${from}` };
}

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

const status = z.enum(['affected', 'unaffected', 'unknown']);

const versionEntry = z.object({
  version: z.string(),
  status,
  versionType: z.string().optional(),
  lessThan: z.string().optional(),
  lessThanOrEqual: z.string().optional(),
  changes: z.array(z.object({ at: z.string(), status })).default([]),
});

const affected = z.object({
  product: z.string().default(''),
  cpes: z.array(z.string()).default([]),
  defaultStatus: status.default('unknown'),
  versions: z.array(versionEntry).default([]),
});

const cpeMatch = z.object({
  vulnerable: z.boolean(),
  criteria: z.string(),
  versionStartIncluding: z.string().optional(),
  versionStartExcluding: z.string().optional(),
  versionEndIncluding: z.string().optional(),
  versionEndExcluding: z.string().optional(),
});

const container = z.object({
  title: z.string().optional(),
  descriptions: z.array(z.object({ lang: z.string(), value: z.string() })).default([]),
  affected: z.array(affected).default([]),
  cpeApplicability: z
    .array(
      z.object({
        nodes: z
          .array(
            z.object({
              operator: z.string().default('OR'),
              negate: z.boolean().default(false),
              cpeMatch: z.array(cpeMatch).default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
  metrics: z
    .array(
      z.record(
        z.string(),
        z.object({ baseScore: z.number().optional(), baseSeverity: z.string().optional() }).catch({}),
      ),
    )
    .default([])
    .catch([]),
});

/** CVE record format 5 (https://cveproject.github.io/cve-schema/). */
const cveSchema = z.object({
  dataType: z.literal('CVE_RECORD'),
  cveMetadata: z.object({ cveId: z.string(), state: z.string() }),
  containers: z.object({ cna: container, adp: z.array(container).default([]) }),
});

/** Reads an advisory in the CVE record format; undefined for other JSON. */
export function readCve(json: unknown): Advisory | undefined {
  const parsed = cveSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const { cveMetadata, containers } = parsed.data;
  const { cna, adp } = containers;
  const all = [cna, ...adp];
  const metric = all.flatMap(({ metrics }) => metrics.flatMap((each) => Object.values(each)));
  const scored = metric.find(({ baseScore }) => baseScore !== undefined);
  const text = cna.title ?? cna.descriptions.find(({ lang }) => lang.startsWith('en'))?.value ?? '';
  return {
    id: cveMetadata.cveId,
    aliases: [],
    summary: shortened(text),
    severity: scored === undefined ? undefined : (scored.baseSeverity ?? String(scored.baseScore)),
    namesNoPackage:
      cveMetadata.state === 'PUBLISHED' &&
      all.every((each) => each.affected.length === 0 && each.cpeApplicability.length === 0)
        ? 'it does not name the product'
        : undefined,
    verdictOn(pkg) {
      if (cveMetadata.state !== 'PUBLISHED') return undefined;
      const statements = all.flatMap((each) => each.affected).filter((one) => speaksOf(one, pkg));
      const nodes = all
        .flatMap((each) => each.cpeApplicability.flatMap((applicability) => applicability.nodes))
        .filter((node) => node.cpeMatch.some((match) => isVulnerable(match, pkg)));
      if (statements.length === 0 && nodes.length === 0) return undefined;
      const comparable = comparableVersion(pkg);
      if ('verdict' in comparable) return comparable.verdict;
      const asked = { ...comparable, pkg };
      return strongest([
        ...statements.map((one) => verdictOf(one, asked)),
        ...nodes.flatMap((node) => nodeVerdicts(node, asked)),
      ]);
    },
  };
}

interface Asked {
  readonly version: Version;
  readonly pkg: AdvisedPackage;
}

/** Whether an entry concerns the package. Compares the product only: vendor names vary between records. */
function speaksOf({ product, cpes }: z.infer<typeof affected>, pkg: AdvisedPackage): boolean {
  const names = [pkg.name, pkg.cpe?.split(':')[1] ?? pkg.name].map((name) => name.toLowerCase());
  return names.includes(product.toLowerCase()) || cpes.some((cpe) => isCpeOf(cpe, pkg));
}

function isVulnerable({ vulnerable, criteria }: CpeMatch, pkg: AdvisedPackage): boolean {
  return vulnerable && isCpeOf(criteria, pkg);
}

function isCpeOf(cpe: string, pkg: AdvisedPackage): boolean {
  const [, , , vendor, product] = cpe.split(':');
  return `${vendor ?? ''}:${product ?? ''}` === pkg.cpe;
}

type Entry = z.infer<typeof versionEntry>;
type CpeMatch = z.infer<typeof cpeMatch>;

/** Evaluates `versions` as the record format says: the entry that contains the version decides, else `defaultStatus`. */
function verdictOf({ versions, defaultStatus }: z.infer<typeof affected>, asked: Asked): Verdict {
  // Some records list both commits and versions. Use those that can be ordered.
  const inOrder = versions.filter(({ versionType }) => versionType !== 'git');
  const verdicts = (inOrder.length > 0 ? inOrder : versions).map((entry) => entryVerdict(entry, asked));
  const decided = strongest(verdicts.filter((verdict) => verdict !== 'elsewhere'));
  if (decided !== undefined) return decided;
  if (defaultStatus === 'affected')
    return { state: 'affected', fixedIn: undefined, why: 'every version without an exception' };
  return versions.length === 0 ? { state: 'undecided', why: 'it names no version' } : { state: 'unaffected' };
}

function entryVerdict(entry: Entry, asked: Asked): Verdict | 'elsewhere' {
  const { pkg } = asked;
  const range = rangeOf(entry, pkg);
  if (range === undefined) {
    // It cannot be compared, but it marks nothing as affected.
    if (entry.status !== 'affected') return 'elsewhere';
    return { state: 'undecided', why: `${entry.version} cannot be compared` };
  }
  if (!isIn(range, asked.version)) return 'elsewhere';
  let state = entry.status;
  let fixedIn = range.below?.text;
  for (const { at, status: next } of entry.changes) {
    const from = parseVersion(at, pkg.name);
    if (from === undefined) continue;
    if (compareVersions(asked.version, from) >= 0) state = next;
    else if (next === 'unaffected') fixedIn = at;
  }
  if (state === 'unaffected') return { state };
  if (state === 'unknown') return { state: 'undecided', why: `the status of ${entry.version} is unknown` };
  return { state, fixedIn, why: range.why };
}

interface Bound {
  readonly at: Version;
  readonly text: string;
  readonly inclusive: boolean;
}

interface Range {
  readonly from: Bound | undefined;
  readonly to: Bound | undefined;
  /** The first version that is no longer in the range. */
  readonly below: Bound | undefined;
  readonly why: string;
}

function isIn({ from, to }: Range, version: Version): boolean {
  const over = (bound: Bound | undefined): number =>
    bound === undefined ? 0 : compareVersions(version, bound.at);
  if (from !== undefined && (over(from) < 0 || (over(from) === 0 && !from.inclusive))) return false;
  return to === undefined || over(to) < 0 || (over(to) === 0 && to.inclusive);
}

/** Returns the range of an entry. Undefined if its versions cannot be compared. */
function rangeOf(
  { version, versionType, lessThan, lessThanOrEqual }: Entry,
  pkg: AdvisedPackage,
): Range | undefined {
  if (versionType === 'git') return undefined;
  const upper = lessThan ?? lessThanOrEqual;
  if (upper === undefined) return inWords(version, pkg);
  return rangeBetween(
    // Up to itself is what some write for everything before it.
    {
      from: version === lessThan ? undefined : { text: version, inclusive: true },
      to: { text: upper, inclusive: lessThan === undefined },
    },
    pkg,
  );
}

/** Parses a range in words: `1.0.1`, or GitHub's `< 8.1.29` and `>= 7.0, < 7.4.33`. */
function inWords(text: string, pkg: AdvisedPackage): Range | undefined {
  let from: Limit | undefined;
  let to: Limit | undefined;
  for (const part of text.split(',')) {
    const [, operator = '=', limit = ''] = /^\s*(<=|<|>=|>|=)?\s*(.*?)\s*$/.exec(part) ?? [];
    if (operator.startsWith('<')) to = { text: limit, inclusive: operator === '<=' };
    else if (operator.startsWith('>')) from = { text: limit, inclusive: operator === '>=' };
    else from = to = { text: limit, inclusive: true };
  }
  return rangeBetween({ from, to }, pkg);
}

interface Limit {
  readonly text: string;
  readonly inclusive: boolean;
}

/** Values that stand for "from the beginning" or "without an end". */
const UNBOUNDED = ['0', '*', '-', ''];

function rangeBetween(
  limits: { readonly from: Limit | undefined; readonly to: Limit | undefined },
  pkg: AdvisedPackage,
): Range | undefined {
  const bound = (limit: Limit | undefined): Bound | undefined | 'none' => {
    if (limit === undefined || UNBOUNDED.includes(limit.text)) return undefined;
    // PHP's `8.1.*` stands for the start of that line.
    const at = parseVersion(limit.text.replace(/\.\*$/, ''), pkg.name);
    return at === undefined ? 'none' : { ...limit, at };
  };
  const [from, to] = [bound(limits.from), bound(limits.to)];
  if (from === 'none' || to === 'none') return undefined;
  const words = [
    ...(from === undefined ? [] : [`${from.inclusive ? 'from' : 'after'} ${from.text}`]),
    ...(to === undefined ? [] : [`${to.inclusive ? 'up to' : 'before'} ${to.text}`]),
  ];
  return {
    from,
    to,
    below: to?.inclusive === false ? to : undefined,
    why: words.length === 0 ? 'every version' : words.join(' '),
  };
}

function nodeVerdicts(
  {
    operator,
    negate,
    cpeMatch: matches,
  }: {
    readonly operator: string;
    readonly negate: boolean;
    readonly cpeMatch: readonly CpeMatch[];
  },
  { version, pkg }: Asked,
): readonly Verdict[] {
  const ours = matches.filter((match) => isVulnerable(match, pkg));
  if (ours.length > 0 && (negate || (operator === 'AND' && matches.length > 1)))
    return [{ state: 'undecided', why: 'it depends on more than this package' }];
  return ours.map((match): Verdict => {
    const [, , , , , own = '*', update = '*'] = match.criteria.split(/(?<!\\):/);
    const limit = (text: string | undefined, inclusive: boolean): Limit | undefined =>
      text === undefined ? undefined : { text, inclusive };
    const named =
      own === '*' || own === '-'
        ? undefined
        : `${own.replaceAll('\\', '')}${['*', '-'].includes(update) ? '' : update}`;
    const range = rangeBetween(
      {
        from:
          limit(named, true) ??
          limit(match.versionStartIncluding, true) ??
          limit(match.versionStartExcluding, false),
        to:
          limit(named, true) ??
          limit(match.versionEndIncluding, true) ??
          limit(match.versionEndExcluding, false),
      },
      pkg,
    );
    if (range === undefined) return { state: 'undecided', why: `${match.criteria} cannot be compared` };
    if (!isIn(range, version)) return { state: 'unaffected' };
    return { state: 'affected', fixedIn: range.below?.text, why: range.why };
  });
}

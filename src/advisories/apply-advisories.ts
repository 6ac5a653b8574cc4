import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { findJsonFault } from '../core/json-fault.js';
import type { AdvisedPackage, Advisory } from './advisory.js';
import { readCve } from './cve.js';
import { readBroken } from './broken-advisory.js';
import { readOsv } from './osv.js';

/** An advisory that cannot be decided automatically. */
export interface Undecided {
  readonly id: string;
  readonly aliases: readonly string[];
  /** The recipe of the package concerned, or that bundles it. Undefined if the advisory does not name a package. */
  readonly recipe: string | undefined;
  /** Its name. Undefined if the advisory does not name a package. */
  readonly package: string | undefined;
  /** Its version. Undefined also if it is a bundled project whose version is unknown. */
  readonly version: string | undefined;
  readonly severity: string | undefined;
  readonly summary: string;
  /** The first version without the vulnerability. Undefined if the advisory names none. */
  readonly fixedIn: string | undefined;
  /** The statement of the advisory that was evaluated. */
  readonly why: string;
  readonly file: string;
}

/** An advisory that applies to a package. */
export interface Applied extends Undecided {
  readonly recipe: string;
  readonly package: string;
}

/** An advisory about the version of a package that a patch of its recipe closes. */
export interface Patched extends Applied {
  /** `debian: patches/CVE-2022-40303.patch`, all of those that close it. */
  readonly patches: readonly string[];
}

/** The result of matching advisories against packages. */
export interface AdvisoryReport {
  /** How many advisories were read. */
  readonly read: number;
  /** JSON files that are not advisories: they have no id and are neither OSV nor CVE records. */
  readonly others: readonly string[];
  readonly applies: readonly Applied[];
  /** Advisories that would apply or be undecided without the patches that the package is compiled with. */
  readonly patched: readonly Patched[];
  /**
   * Advisories about a package that use commits or prose instead of versions, advisories that name no package, and invalid
   * records.
   */
  readonly undecided: readonly Undecided[];
  /** Ids to ignore that match none of the advisories found. */
  readonly ignoredInVain: readonly string[];
}

/**
 * Reads a file, or every `.json` file of a folder and its subfolders, and reports which advisories apply to the packages.
 * Leaves out advisories whose id or alias is ignored. Throws UsageError for a path that cannot be read, and for files that are
 * not JSON, with line and column of each.
 */
export async function applyAdvisories(
  path: string,
  { packages, ignore }: { readonly packages: readonly AdvisedPackage[]; readonly ignore: readonly string[] },
): Promise<AdvisoryReport> {
  const applies = new Map<string, Applied>();
  const undecided = new Map<string, Undecided>();
  const patched = new Map<string, Patched>();
  const others: string[] = [];
  const broken: string[] = [];
  const unused = new Set(ignore);
  const isIgnored = ({ id, aliases }: Advisory): boolean => {
    const names = [id, ...aliases].filter((name) => ignore.includes(name));
    for (const name of names) unused.delete(name);
    return names.length > 0;
  };
  let read = 0;
  for await (const file of jsonFiles(path)) {
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw unreadable(file, cause);
    });
    const fault = findFault(text);
    if (fault !== undefined) {
      broken.push(`${file}:${fault.line}:${fault.column}: ${fault.expected} expected`);
      continue;
    }
    const advisories = advisoriesOf(JSON.parse(text));
    if (advisories === undefined) others.push(file);
    for (const advisory of advisories ?? []) {
      read += 1;
      const { id, aliases, severity, summary, namesNoPackage } = advisory;
      const common = { id, aliases, severity, summary, file };
      if (namesNoPackage !== undefined && !isIgnored(advisory))
        undecided.set(id, {
          ...common,
          ...{ recipe: undefined, package: undefined, version: undefined, fixedIn: undefined },
          why: namesNoPackage,
        });
      for (const pkg of packages) {
        const verdict = advisory.verdictOn(pkg);
        if (verdict === undefined || verdict.state === 'unaffected') continue;
        const fixedIn = verdict.state === 'affected' ? verdict.fixedIn : undefined;
        const found = {
          ...common,
          ...{ recipe: pkg.recipe, package: pkg.name, version: pkg.version, fixedIn, why: verdict.why },
        };
        const key = [id, pkg.recipe, pkg.name, pkg.version].join(' ');
        const patches = closing(advisory, pkg);
        if (patches.length > 0) patched.set(key, { ...found, patches });
        else if (!isIgnored(advisory)) (verdict.state === 'affected' ? applies : undecided).set(key, found);
      }
    }
  }
  if (broken.length > 0) {
    throw new UsageError(`${broken.length} ${broken.length === 1 ? 'file is' : 'files are'} not JSON`, {
      details: { files: broken },
      hint: 'Download them again, or their advisories are missed.',
    });
  }
  // The same advisory can exist as OSV and as CVE record. The one that decides counts.
  for (const key of applies.keys()) undecided.delete(key);
  const sorted = <T>(found: ReadonlyMap<string, T>): readonly T[] =>
    [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
  return {
    ...{ read, others, applies: sorted(applies), patched: sorted(patched), undecided: sorted(undecided) },
    ignoredInVain: [...unused],
  };
}

/** Returns the patches of a package that close an advisory, by its id or an alias. */
function closing({ id, aliases }: Advisory, { patches = [] }: AdvisedPackage): readonly string[] {
  return patches
    .filter(({ resolves }) => [id, ...aliases].some((name) => resolves.includes(name)))
    .map(({ source, path }) => `${source}: ${path}`);
}

/** Reads one advisory, or a list as some databases export them. Undefined for other JSON. */
function advisoriesOf(json: unknown): readonly Advisory[] | undefined {
  if (Array.isArray(json)) {
    const found = json.map(advisoryOf);
    return found.every((each) => each !== undefined) ? found : undefined;
  }
  const found = advisoryOf(json);
  return found === undefined ? undefined : [found];
}

function advisoryOf(json: unknown): Advisory | undefined {
  return readOsv(json) ?? readCve(json) ?? readBroken(json);
}

/** Finds a fault with our own parser, which is slower than V8's but reports the position. */
function findFault(text: string): ReturnType<typeof findJsonFault> {
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    return findJsonFault(text);
  }
}

async function* jsonFiles(path: string): AsyncGenerator<string> {
  try {
    if ((await stat(path)).isFile()) {
      yield path;
      return;
    }
    for (const entry of (await readdir(path, { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) yield* jsonFiles(below);
      else if (entry.name.endsWith('.json')) yield below;
    }
  } catch (cause) {
    if (errorCodeOf(cause) === undefined) throw cause;
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): UsageError {
  return new UsageError(`cannot read the advisories ${path} (${errorCodeOf(cause) ?? String(cause)})`, {
    hint: 'Pass a folder of OSV or CVE JSON files, or one such file, to --from.',
    cause,
  });
}

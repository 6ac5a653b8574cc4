import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { findJsonFault } from '../core/json-fault.js';
import type { AdvisedPackage, Advisory } from './advisory.js';
import { readCve } from './cve.js';
import { readOsv } from './osv.js';

/** An advisory that speaks of a package inside. */
export interface Applied {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly recipe: string;
  readonly package: string;
  readonly version: string;
  readonly severity: string | undefined;
  readonly summary: string;
  /** The first version without it; undefined where the advisory knows none. */
  readonly fixedIn: string | undefined;
  /** Which statement of the advisory it was. */
  readonly why: string;
  readonly file: string;
}

/** What the advisories of a folder say about some packages. */
export interface AdvisoryReport {
  /** How many advisories were read. */
  readonly read: number;
  /** JSON files that are neither OSV nor CVE records. */
  readonly others: readonly string[];
  readonly applies: readonly Applied[];
  /** Those that speak of a package, and no order of versions says whether they apply. */
  readonly undecided: readonly Applied[];
  /** IDs that were to be ignored and spoke of nothing inside. */
  readonly ignoredInVain: readonly string[];
}

/**
 * Reads every `.json` file of a folder and of those in it, or one file, and says which advisories apply to the packages. One
 * whose id or alias is ignored is left out. Throws UsageError for a path that cannot be read, and for files that are not JSON:
 * all of them, each with its place.
 */
export async function applyAdvisories(
  path: string,
  { packages, ignore }: { readonly packages: readonly AdvisedPackage[]; readonly ignore: readonly string[] },
): Promise<AdvisoryReport> {
  const applies = new Map<string, Applied>();
  const undecided = new Map<string, Applied>();
  const others: string[] = [];
  const broken: string[] = [];
  const unused = new Set(ignore);
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
      for (const pkg of packages) {
        const verdict = advisory.verdictOn(pkg);
        if (verdict === undefined || verdict.state === 'unaffected') continue;
        const { id, aliases, severity, summary } = advisory;
        const names = [id, ...aliases].filter((name) => ignore.includes(name));
        for (const name of names) unused.delete(name);
        if (names.length > 0) continue;
        const fixedIn = verdict.state === 'affected' ? verdict.fixedIn : undefined;
        const shelf = verdict.state === 'affected' ? applies : undecided;
        shelf.set(`${id} ${pkg.recipe}`, {
          ...{ id, aliases, recipe: pkg.recipe, package: pkg.name, version: pkg.version },
          ...{ severity, summary, fixedIn, why: verdict.why, file },
        });
      }
    }
  }
  if (broken.length > 0) {
    throw new UsageError(`${broken.length} ${broken.length === 1 ? 'file is' : 'files are'} no JSON`, {
      details: { files: broken },
      hint: 'Download them again: what they say would be missed.',
    });
  }
  // Told twice, by OSV and by CVE: the one that decides counts.
  for (const key of applies.keys()) undecided.delete(key);
  const sorted = (found: ReadonlyMap<string, Applied>): readonly Applied[] =>
    [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
  return { read, others, applies: sorted(applies), undecided: sorted(undecided), ignoredInVain: [...unused] };
}

/** One, or a list of them as some databases are exported; undefined for what is neither. */
function advisoriesOf(json: unknown): readonly Advisory[] | undefined {
  if (Array.isArray(json)) {
    const found = json.map((each: unknown) => readOsv(each) ?? readCve(each));
    return found.every((each) => each !== undefined) ? found : undefined;
  }
  const found = readCve(json) ?? readOsv(json);
  return found === undefined ? undefined : [found];
}

/** Only where V8 refuses it: ours is slower, and says where. */
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
    hint: 'Give --from a folder of OSV or CVE JSON files, or one of them.',
    cause,
  });
}

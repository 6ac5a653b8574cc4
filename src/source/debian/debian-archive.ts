import { access, constants } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { IntegrityError } from '../../core/errors.js';
import type { CommandResult } from '../../core/run-command.js';
import type { PinnedFile } from '../../recipe/source.js';
import { bytesOfFile } from '../source-files.js';
import type {
  FailedAttempt,
  FindOptions,
  FindResult,
  FoundFile,
  SourceProvider,
} from '../source-provider.js';
import { aptComplaints } from './apt-complaints.js';
import { createDebianIndexes, type DebianIndexes } from './debian-indexes.js';
import { hostMirrors, namedMirror, type DebianMirror } from './debian-mirror.js';
import type { Snapshot } from './debian-snapshot.js';
import { compareDebianVersions } from './debian-version.js';
import type { Revision } from './sources-index.js';

export interface DebianArchiveOptions {
  /** Keeps indexes from run to run; runs share it. */
  readonly cacheDir: string;
  /** LAYERSMITH_DEBIAN_MIRROR: the mirror to use instead of the one in the host's apt sources. */
  readonly mirror?: string | undefined;
  /** Where apt's sources are; `/etc/apt`. */
  readonly aptDir?: string | undefined;
  /** What Debian's signatures are checked with; the first that exists. */
  readonly keyrings?: readonly string[] | undefined;
  /** Added to the environment of apt: `http_proxy` and its like. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly now?: (() => number) | undefined;
}

const ARCHIVE = "Debian's archive";
const CODENAMES: readonly string[] = ['bullseye', 'bookworm', 'trixie'];
const APT_GET = '/usr/bin/apt-get';
const KEYRINGS: readonly string[] = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];
const HOUR_MS = 60 * 60 * 1000;
/** A file that is in none of the indexes may be in newer ones, if they are older than this. */
const RECHECK_MS = 5 * 60 * 1000;

/**
 * Finds pinned files in Debian's source packages by their sha256, with the host's own apt and mirror. What that
 * needs (apt, a mirror, Debian's keys) is looked up when the first file is wanted.
 */
export function createDebianArchive(options: DebianArchiveOptions): SourceProvider {
  let opened: Promise<DebianIndexes | { readonly unavailable: string }> | undefined;

  const search = async (file: PinnedFile, scratch: Scratch): Promise<FindResult> => {
    opened ??= open(options);
    const indexes = await opened;
    if ('unavailable' in indexes) return { attempts: [{ place: ARCHIVE, reason: indexes.unavailable }] };

    const attempts = new Map<string, FailedAttempt>();
    let seen: Snapshot | undefined;
    for (const maxAgeMs of [HOUR_MS, RECHECK_MS]) {
      const current = await indexes.current(maxAgeMs, scratch.signal);
      if ('failed' in current) {
        const reason = `no suite's index could be downloaded (${suiteLines(current)})`;
        return { attempts: [{ place: ARCHIVE, reason }] };
      }
      if (seen !== undefined && current.snapshot.takenAt === seen.takenAt) break;
      seen = current.snapshot;
      const result = await findInSnapshot(seen, file, scratch);
      if ('path' in result) return result;
      for (const attempt of result.attempts) attempts.set(attempt.place, attempt);
    }
    return { attempts: [...attempts.values()] };
  };

  return {
    name: ARCHIVE,
    find: (file, { files, signal }) =>
      files.withScratch(async (intoDir) => {
        const found = await search(file, { intoDir, signal });
        return 'path' in found ? keep(found, file, { files, signal }) : found;
      }),
  };
}

/** Apt has checked the file already; the store checks it once more. */
async function keep(found: FoundFile, file: PinnedFile, { files, signal }: FindOptions): Promise<FoundFile> {
  const kept = await files.keep(bytesOfFile(found.path, signal), file.sha256);
  if (kept.kept) return { path: kept.path, from: found.from };
  throw new IntegrityError(`the sha256 of ${file.name} from ${found.from} does not match the recipe`, {
    details: { from: found.from, expected: file.sha256, actual: kept.actual },
    hint: 'It changed on this machine after apt had checked it: check the health of its disk and memory.',
  });
}

/** Where a search puts its download. */
interface Scratch {
  readonly intoDir: string;
  readonly signal: AbortSignal;
}

async function open(
  options: DebianArchiveOptions,
): Promise<DebianIndexes | { readonly unavailable: string }> {
  const { cacheDir, mirror, aptDir = '/etc/apt', keyrings = KEYRINGS, env = {}, now = Date.now } = options;
  if (!(await isReadable(APT_GET))) return { unavailable: 'this host has no apt-get' };
  let mirrors: readonly DebianMirror[];
  if (mirror === undefined || mirror === '') {
    mirrors = await hostMirrors(aptDir);
    if (mirrors.length === 0) {
      const remedy = 'name a mirror in LAYERSMITH_DEBIAN_MIRROR';
      return { unavailable: `this host's apt sources name no mirror of Debian (${remedy})` };
    }
  } else {
    const named = namedMirror(mirror);
    if (named === undefined) return { unavailable: 'LAYERSMITH_DEBIAN_MIRROR is not a URL that apt can use' };
    mirrors = [named];
  }
  for (const keyring of keyrings) {
    if (!(await isReadable(keyring))) continue;
    return createDebianIndexes({ cacheDir, mirrors, keyring, codenames: CODENAMES, env, now });
  }
  return { unavailable: "this host lacks Debian's keys (install the package debian-archive-keyring)" };
}

async function findInSnapshot(
  snapshot: Snapshot,
  file: PinnedFile,
  { intoDir, signal }: Scratch,
): Promise<FindResult> {
  const attempts: FailedAttempt[] = [];
  const { mirror } = snapshot;

  /** Waits for apt to download a file into `intoDir`. */
  const attempt = async (
    place: string,
    name: string,
    run: Promise<CommandResult>,
  ): Promise<FoundFile | undefined> => {
    const ended = await run;
    const path = join(intoDir, name);
    if (ended.ok && (await isReadable(path))) return { path, from: place };
    const reason =
      aptComplaints(ended.stderr, mirror) ?? (ended.ok ? 'apt did not download it' : ended.reason);
    attempts.push({ place, reason });
    return undefined;
  };

  const revisions = newestFirst(await snapshot.revisionsWith(file.sha256));
  for (const { suite, package: name, version, file: tarball } of revisions) {
    const run = snapshot.apt.get({
      args: ['-q', 'source', '--tar-only', '--download-only', '--only-source', `${name}=${version}`],
      sourceList: snapshot.sourceList(suite),
      cwd: intoDir,
      signal,
    });
    const found = await attempt(`${ARCHIVE} (${suite}, ${name} ${version})`, tarball, run);
    if (found !== undefined) return found;
  }
  if (revisions.length === 0) {
    const missing = snapshot.failed.length === 0 ? '' : `; not searched: ${suiteLines(snapshot)}`;
    const reason = `no source package in ${snapshot.suites.join(', ')} has the sha256 of ${file.name}${missing}`;
    attempts.push({ place: ARCHIVE, reason });
  }
  // A revision that has been replaced is in no index any more, but its tarball may still lie in the pool.
  for (const { uri, path } of await poolPlaces(file, snapshot)) {
    const name = basename(path);
    const run = snapshot.apt.helper({
      args: ['download-file', uri, join(intoDir, name), `SHA256:${file.sha256}`],
      cwd: intoDir,
      signal,
    });
    const found = await attempt(`${ARCHIVE} (${path})`, name, run);
    if (found !== undefined) return found;
  }
  return { attempts };
}

/**
 * Where the pool would have the file if one of the packages that are listed now had it once:
 * `php-8.4.24.tar.xz` is `pool/main/p/php8.4/php8.4_8.4.24.orig.tar.xz`. A source package may have its line's
 * version in its name; its folder begins with its first letter, or with `lib` and one more (Debian's archive
 * has been laid out so since 2000).
 */
async function poolPlaces(file: PinnedFile, snapshot: Snapshot): Promise<{ uri: string; path: string }[]> {
  const [, stem, version, ending] =
    /^(.+?)[-_]v?(\d[0-9a-z.]*?)(?:\.orig)?(\.tar\.[a-z0-9]+)$/i.exec(file.name) ?? [];
  if (stem === undefined || version === undefined || ending === undefined) return [];
  const parts = version.split('.');
  const names = parts.map((_, index) => stem + parts.slice(0, index + 1).join('.'));
  const listed = await snapshot.packagesAmong(new Set([stem, ...names]));
  const { archive, security } = snapshot.mirror;
  return [...listed].flatMap((name) => {
    const folder = `${name.startsWith('lib') ? name.slice(0, 4) : name.slice(0, 1)}/${name}`;
    const tarball = `${folder}/${name}_${version}.orig${ending}`;
    const main = { uri: `${archive}/pool/main/${tarball}`, path: `pool/main/${tarball}` };
    const updates = {
      uri: `${security ?? ''}/pool/updates/main/${tarball}`,
      path: `pool/updates/main/${tarball}`,
    };
    return security === undefined ? [main] : [main, updates];
  });
}

/** Of the same version in two suites the plain one is first: a mirror can lag behind the security archive. */
function newestFirst(revisions: readonly Revision[]): Revision[] {
  return [...revisions].sort(
    (a, b) => compareDebianVersions(b.version, a.version) || a.suite.length - b.suite.length,
  );
}

function suiteLines({ failed }: Pick<Snapshot, 'failed'>): string {
  const byReason = new Map<string, string[]>();
  for (const { suite, reason } of failed) byReason.set(reason, [...(byReason.get(reason) ?? []), suite]);
  return [...byReason].map(([reason, suites]) => `${suites.join(', ')}: ${reason}`).join('; ');
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

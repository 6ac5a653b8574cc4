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

/** Settings of `createDebianArchive`. */
export interface DebianArchiveOptions {
  /** Folder that keeps indexes between runs. Runs share it. */
  readonly cacheDir: string;
  /** LAYERSMITH_DEBIAN_MIRROR: the mirror to use instead of the one in the host's apt sources. */
  readonly mirror?: string | undefined;
  /** The folder of apt's sources. Defaults to `/etc/apt`. */
  readonly aptDir?: string | undefined;
  /** Keyrings that verify Debian's signatures. The first that exists is used. */
  readonly keyrings?: readonly string[] | undefined;
  /** Added to the environment of apt: `http_proxy` and similar variables. */
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
/** If no index has a file and the indexes are older than this, newer ones are downloaded. */
const RECHECK_MS = 5 * 60 * 1000;

/**
 * Creates a provider that finds pinned files in Debian's source packages by sha256, with the host's apt and mirror. It looks
 * for apt, a mirror and Debian's keys only when the first file is requested.
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

/** Adds a downloaded file to the store, which verifies it. Apt has verified it before. */
async function keep(found: FoundFile, file: PinnedFile, { files, signal }: FindOptions): Promise<FoundFile> {
  const kept = await files.keep(bytesOfFile(found.path, signal), file.sha256);
  if (kept.kept) return { path: kept.path, from: found.from };
  throw new IntegrityError(`the sha256 of ${file.name} from ${found.from} does not match the recipe`, {
    details: { from: found.from, expected: file.sha256, actual: kept.actual },
    hint: 'The file changed on this machine after apt had verified it. Check its disk and memory.',
  });
}

/** Where a search stores its download. */
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
      return { unavailable: `this host's apt sources name no Debian mirror (${remedy})` };
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
  return { unavailable: 'this host has no Debian archive keys (install debian-archive-keyring)' };
}

async function findInSnapshot(
  snapshot: Snapshot,
  file: PinnedFile,
  { intoDir, signal }: Scratch,
): Promise<FindResult> {
  const attempts: FailedAttempt[] = [];
  const { mirror } = snapshot;

  /** Downloads a file into `intoDir` with apt. */
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
  // A replaced revision is no longer in any index, but its tarball may still be in the pool.
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

/** A file of the archive: where it is, and its path below the mirror. */
interface PoolPlace {
  readonly uri: string;
  readonly path: string;
}

/** Returns the places in the pool where the file may be: the one that the recipe names, else those where it would be. */
async function poolPlaces(file: PinnedFile, snapshot: Snapshot): Promise<readonly PoolPlace[]> {
  const { archive, security } = snapshot.mirror;
  if (file.debian === undefined) return likelyPlaces(file, snapshot);
  const base = file.debian.startsWith('pool/updates/') ? security : archive;
  return base === undefined ? [] : [{ uri: `${base}/${file.debian}`, path: file.debian }];
}

/**
 * Returns the places in the pool where the file would be if it once belonged to a package that is listed now:
 * `php-8.4.24.tar.xz` is `pool/main/p/php8.4/php8.4_8.4.24.orig.tar.xz`. The name of a source package may include a version.
 * Its folder is named after its first letter, or after `lib` and one more letter. Debian's archive has had this layout since
 * 2000.
 */
async function likelyPlaces(file: PinnedFile, snapshot: Snapshot): Promise<readonly PoolPlace[]> {
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
/** Sorts revisions, newest first. For equal versions the plain suite comes first: a mirror can lag behind the security archive. */
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

import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import { SourceError } from '../core/errors.js';
import type { PinnedFile, Source } from '../recipe/source.js';
import type { HttpTimeouts } from './http-failure.js';
import type { Proxies } from './proxies.js';
import { createSharedJobs } from './shared-jobs.js';
import { createSourceFiles } from './source-files.js';
import { attemptLine, type FailedAttempt, type FindResult, type SourceProvider } from './source-provider.js';
import { createSourcesFolder } from './sources-folder.js';
import { createUrlProvider } from './url-provider.js';

/** A verified alternative of a source, in the store. */
export interface FetchedSource {
  readonly file: PinnedFile;
  readonly path: string;
  /** Its origin: `the store`, `--sources DIR`, a URL, or a package in an archive. */
  readonly from: string;
}

/** Fetches pinned files into the store. Every path that it returns belongs to a file with the pinned sha256. */
export interface SourceFetcher {
  /**
   * Fetches a source: the first alternative that is available locally, else the first that one of its URLs provides, else
   * the first that an archive provides. Throws SourceError with each location and its reason, IntegrityError for wrong bytes
   * (without trying further locations), StorageError, UsageError if `--sources` cannot be read, or the signal's reason.
   */
  fetch(source: Source, signal: AbortSignal): Promise<FetchedSource>;
}

/** Settings of `createSourceFetcher`. */
export interface SourceFetcherOptions {
  /** Folder of the files, named by their sha256. */
  readonly sourcesDir: string;
  /** Folder for temporary files on the same file system. */
  readonly tmpDir: string;
  /** `--sources DIR`. */
  readonly extraDir?: string | undefined;
  /** Never use the network. */
  readonly offline: boolean;
  /** Tried in order before the URLs. */
  readonly mirrors?: readonly SourceProvider[];
  /** Tried in order for files that no URL provides. */
  readonly archives: readonly SourceProvider[];
  readonly report: (line: string) => void;
  readonly proxies?: Proxies | undefined;
  readonly timeouts?: HttpTimeouts | undefined;
  /** CA certificates (PEM) to trust in place of Node.js's own. */
  readonly ca?: string | undefined;
  /** Allow http on any host: Debian's mirrors have no other. */
  readonly allowHttp?: boolean | undefined;
}

/** Timeouts of downloads. */
export const TIMEOUTS: HttpTimeouts = { answerMs: 10_000, stallMs: 30_000 };
const TRANSFERS_AT_ONCE = 4;

/** Creates the fetcher of one run. It remembers unreachable hosts and the indexes until the run ends. */
export function createSourceFetcher(options: SourceFetcherOptions): SourceFetcher {
  const {
    sourcesDir,
    tmpDir,
    extraDir,
    offline,
    report,
    proxies = {},
    timeouts = TIMEOUTS,
    ca,
    allowHttp,
  } = options;
  const files = createSourceFiles({ sourcesDir, tmpDir, report });
  const folder = extraDir === undefined ? undefined : createSourcesFolder({ dir: extraDir, report });
  const remote = [
    ...(options.mirrors ?? []),
    createUrlProvider({ proxies, timeouts, ca, allowHttp }),
    ...options.archives,
  ];
  const limit = pLimit(TRANSFERS_AT_ONCE);
  const share = createSharedJobs<FindResult>();

  const findLocally = async (file: PinnedFile, signal: AbortSignal): Promise<FindResult> => {
    // A missing folder is an error even if the store has the file.
    await folder?.check();
    const path = await files.find(file.sha256, signal);
    if (path !== undefined) return { path, from: 'the store' };
    return folder === undefined ? { attempts: [] } : folder.find(file, { files, signal });
  };

  const findRemotely = (
    provider: SourceProvider,
    file: PinnedFile,
    signal: AbortSignal,
  ): Promise<FindResult> =>
    share(`${provider.name} ${file.sha256}`, signal, (shared) =>
      limit(async () => {
        shared.throwIfAborted();
        return provider.find(file, { files, signal: shared });
      }),
    );

  return {
    async fetch(source, signal) {
      // A run has one signal, with a listener for each source in progress. This is not a leak.
      setMaxListeners(0, signal);
      const attempts: FailedAttempt[] = [];
      for (const file of source.alternatives) {
        const found = await findLocally(file, signal);
        if ('path' in found) return { file, ...found };
        attempts.push(...found.attempts);
      }
      if (offline) throw offlineError(source, attempts);
      for (const provider of remote) {
        for (const file of source.alternatives) {
          const found = await findRemotely(provider, file, signal);
          if ('path' in found) {
            report(`${file.name}: from ${found.from}`);
            return { file, ...found };
          }
          attempts.push(...found.attempts);
        }
      }
      throw downloadError(source, attempts);
    },
  };
}

function offlineError(source: Source, attempts: readonly FailedAttempt[]): SourceError {
  return new SourceError(`${source.name} is not in the store, and --offline forbids downloading it`, {
    details: { wanted: wantedLines(source), ...(attempts.length > 0 && { tried: uniqueLines(attempts) }) },
    hint: `${sourcesHint(source)}, or run \`layersmith fetch\` with network access.`,
  });
}

function downloadError(source: Source, attempts: readonly FailedAttempt[]): SourceError {
  const lines = uniqueLines(attempts);
  const [first] = lines;
  const outcome =
    first === undefined
      ? 'the recipe lists no location for it'
      : lines.length === 1
        ? 'its only location failed'
        : `all ${lines.length} locations failed`;
  return new SourceError(`${source.name} could not be downloaded: ${outcome}`, {
    details: { wanted: wantedLines(source), tried: lines },
    hint: `${sourcesHint(source)}.`,
  });
}

function wantedLines(source: Source): string[] {
  return source.alternatives.map((file) => `${file.name}, sha256 ${file.sha256}`);
}

function sourcesHint(source: Source): string {
  const digests = source.alternatives.map((file) => file.sha256).join(' or ');
  return `Put a file with the sha256 ${digests} into a folder, under any name, and pass it with --sources DIR`;
}

/** Removes duplicate lines: several alternatives can fail at one location for the same reason. */
function uniqueLines(attempts: readonly FailedAttempt[]): string[] {
  return [...new Set(attempts.map(attemptLine))];
}

import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { IntegrityError, SourceError } from '../core/errors.js';
import { writingTo } from '../core/file-system.js';
import type { PinnedFile, Source } from '../recipe/source.js';
import { attemptLine, type Attempt } from './attempt.js';
import type { DebianArchive } from './debian-archive.js';
import { createDownload } from './download.js';
import type { HttpTimeouts } from './http-get.js';
import { createLimit } from './limit.js';
import { createSharedJobs } from './shared-jobs.js';
import { bytesOfFile, createSourceFiles, temporaryName } from './source-files.js';
import { createSourcesFolder } from './sources-folder.js';

/** A source that is at hand: one of its alternatives, verified, in the store. */
export interface FetchedSource {
  readonly file: PinnedFile;
  readonly path: string;
  /** Where it came from: `the store`, `--sources DIR`, a URL, or a package in Debian's archive. */
  readonly from: string;
}

/** Gets pinned files into the store. Every path it gives is that of a file with the pinned sha256. */
export interface SourceFetcher {
  /** The path of the file if it needs no network: from the store, or from `--sources DIR`. */
  atHand(file: PinnedFile, signal: AbortSignal): Promise<string | undefined>;
  /**
   * The first alternative that is at hand; otherwise the first that one of its URLs gives; otherwise the
   * first that Debian's archive has. Throws SourceError (each place and why not), IntegrityError (wrong
   * bytes: at once), StorageError (the disk refuses), UsageError (`--sources` is no folder), or the signal's
   * reason.
   */
  fetch(source: Source, signal: AbortSignal): Promise<FetchedSource>;
}

export interface SourceFetcherOptions {
  /** Where files are kept, named by their sha256. */
  readonly sourcesDir: string;
  /** Scratch on the same file system. */
  readonly tmpDir: string;
  /** `--sources DIR`. */
  readonly extraDir?: string | undefined;
  /** Never touch the network. */
  readonly offline: boolean;
  readonly debian: DebianArchive | undefined;
  readonly report: (line: string) => void;
  readonly timeouts?: HttpTimeouts | undefined;
}

const TIMEOUTS: HttpTimeouts = { answerMs: 10_000, stallMs: 30_000 };
const TRANSFERS_AT_ONCE = 4;

type Got = { readonly path: string; readonly from: string } | { readonly tried: readonly Attempt[] };

/** Makes the fetcher of one run: what it learns about hosts and indexes lasts as long as it does. */
export function createSourceFetcher(options: SourceFetcherOptions): SourceFetcher {
  const { sourcesDir, tmpDir, extraDir, offline, debian, report } = options;
  const files = createSourceFiles({ sourcesDir, tmpDir, report });
  const folder = extraDir === undefined ? undefined : createSourcesFolder({ dir: extraDir, files, report });
  const download = createDownload(files, options.timeouts ?? TIMEOUTS);
  const limit = createLimit(TRANSFERS_AT_ONCE);
  const share = createSharedJobs<Got>();

  const find = async (file: PinnedFile, signal: AbortSignal): Promise<Got> => {
    const stored = await files.find(file.sha256, signal);
    if (stored !== undefined) return { path: stored, from: 'the store' };
    if (folder === undefined || extraDir === undefined) return { tried: [] };
    const path = await folder.take(file, signal);
    const place = `--sources ${extraDir}`;
    if (path !== undefined) return { path, from: place };
    return { tried: [{ place, reason: folder.reasonFor(file) }] };
  };

  const fromUrls = async (file: PinnedFile, signal: AbortSignal): Promise<Got> => {
    const tried: Attempt[] = [];
    for (const url of file.urls) {
      const result = await download(url, file, signal);
      if ('path' in result) return { path: result.path, from: url };
      tried.push({ place: url, reason: result.reason });
    }
    return { tried };
  };

  const fromDebian = async (file: PinnedFile, signal: AbortSignal): Promise<Got> => {
    if (debian === undefined) return { tried: [] };
    const work = await writingTo(tmpDir, async () => {
      await mkdir(tmpDir, { recursive: true });
      return mkdtemp(join(tmpDir, `${temporaryName()}-`));
    });
    try {
      const taken = await debian.take(file, { intoDir: work, signal });
      if ('tried' in taken) return taken;
      const kept = await files.keep(bytesOfFile(taken.path, signal), file.sha256);
      if (kept.kept) return { path: kept.path, from: taken.from };
      throw new IntegrityError(`the sha256 of ${file.file} from ${taken.from} does not match the recipe`, {
        details: { from: taken.from, expected: file.sha256, actual: kept.actual },
        hint: 'The local disk or memory changed it after apt had checked it: look at the health of this machine.',
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  };

  /** The places that need the network, the preferred ones first. */
  const routes = [
    { name: 'urls', get: fromUrls },
    { name: 'debian', get: fromDebian },
  ];

  return {
    async atHand(file, signal) {
      const found = await find(file, signal);
      return 'path' in found ? found.path : undefined;
    },

    async fetch(source, signal) {
      // A run has one signal, and a listener on it for each source that is waited for: that is no leak.
      setMaxListeners(0, signal);
      const tried: Attempt[] = [];
      for (const file of source.alternatives) {
        const found = await find(file, signal);
        if ('path' in found) return { file, ...found };
        tried.push(...found.tried);
      }
      if (offline) throw notAtHand(source, tried);
      for (const route of routes) {
        for (const file of source.alternatives) {
          const got = await share(`${route.name} ${file.sha256}`, signal, (shared) =>
            limit(shared, () => route.get(file, shared)),
          );
          if ('path' in got) {
            report(`${file.file}: from ${got.from}`);
            return { file, ...got };
          }
          tried.push(...got.tried);
        }
      }
      throw nowhere(source, tried);
    },
  };
}

function notAtHand(source: Source, tried: readonly Attempt[]): SourceError {
  return new SourceError(`${source.name} is not at hand, and --offline forbids the network`, {
    details: { wanted: wantedLines(source), ...(tried.length > 0 && { tried: uniqueLines(tried) }) },
    hint: `${putItThere(source)}, or run \`layersmith fetch\` where there is a network.`,
  });
}

function nowhere(source: Source, tried: readonly Attempt[]): SourceError {
  const lines = uniqueLines(tried);
  return new SourceError(
    lines.length === 0
      ? `${source.name} has no place that it could come from`
      : `${source.name} could be had from none of its places`,
    { details: { wanted: wantedLines(source), tried: lines }, hint: `${putItThere(source)}.` },
  );
}

function wantedLines(source: Source): string[] {
  return source.alternatives.map((file) => `${file.file}, sha256 ${file.sha256}`);
}

function putItThere(source: Source): string {
  const digests = source.alternatives.map((file) => file.sha256).join(' or ');
  return `Put a file with the sha256 ${digests} into a folder, under any name, and pass it with --sources DIR`;
}

/** Alternatives can share a place's reason: a mirror that is not there is not there for any of them. */
function uniqueLines(tried: readonly Attempt[]): string[] {
  return [...new Set(tried.map(attemptLine))];
}

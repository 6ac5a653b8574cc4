import { readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../core/atomic-file.js';
import { sha256 } from '../core/digest.js';
import { SourceError } from '../core/errors.js';
import { kindOf } from '../core/file-system.js';
import type { PinnedFile, Source } from '../recipe/source.js';
import type { SourceFetcher } from './source-fetcher.js';

/** Settings of `createReleaseSources`. */
export interface ReleaseSourcesOptions {
  /** The store's folder of sources. */
  readonly sourcesDir: string;
  /** The store's state folder, where failed downloads are remembered. */
  readonly stateDir: string;
  /** Looks in the store and in `--sources`. */
  readonly local: Pick<SourceFetcher, 'fetch'>;
  /** Downloads as well. Undefined with `--offline`. */
  readonly remote: Pick<SourceFetcher, 'fetch'> | undefined;
  /** What else decides where downloads come from, such as mirrors and proxies. A failure is remembered for these alone. */
  readonly places: readonly (string | undefined)[];
  /** Try downloads also if they failed a short time ago. */
  readonly retries: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Whether all sources of a release are available, and if not, why. */
export type Availability =
  { readonly isAvailable: true } | { readonly isAvailable: false; readonly why: string };

/** A failed download is not tried again for so long. */
const REMEMBERED_MS = 60 * 60 * 1000;

const failuresSchema = z.record(z.string(), z.number());

/**
 * Creates a function that reports whether all sources of a release are available: in the store, in `--sources`, or by
 * downloading them, which puts them into the store. A download that failed is remembered for an hour, so that a build that has
 * nothing to do does not wait for it. Wrong bytes throw IntegrityError: they are no reason to take an older release.
 */
export function createReleaseSources(
  options: ReleaseSourcesOptions,
): (release: { readonly sources: readonly Source[] }) => Promise<Availability> {
  const { sourcesDir, local, remote, retries, now, signal } = options;
  const path = join(options.stateDir, 'failed-downloads.json');

  const keyOf = ({ alternatives }: Source): string =>
    sha256(
      JSON.stringify([
        alternatives.map(({ sha256: digest, urls, debian }) => [digest, urls, debian]),
        options.places,
      ]),
    );

  const failedAt = async (source: Source): Promise<number | undefined> => {
    const at = (await readFailures(path))[keyOf(source)];
    // A time in the future means that the clock was set back.
    return at !== undefined && at <= now() && now() - at < REMEMBERED_MS ? at : undefined;
  };

  const remember = async (source: Source): Promise<void> => {
    const recent = Object.entries(await readFailures(path)).filter(([, at]) => now() - at < REMEMBERED_MS);
    const failures = { ...Object.fromEntries(recent), [keyOf(source)]: now() };
    await writeFileAtomically(path, `${JSON.stringify(failures)}\n`);
  };

  const find = async (source: Source): Promise<Availability> => {
    for (const file of source.alternatives) {
      if (await isStored(sourcesDir, file)) return { isAvailable: true };
    }
    const failed = remote === undefined || retries ? undefined : await failedAt(source);
    const fetcher = remote === undefined || failed !== undefined ? local : remote;
    try {
      await fetcher.fetch(source, signal);
      return { isAvailable: true };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
    }
    if (remote === undefined) return { isAvailable: false, why: '--offline forbids downloading them' };
    if (failed === undefined) {
      await remember(source);
      return { isAvailable: false, why: 'their downloads failed' };
    }
    const minutes = Math.max(1, Math.round((now() - failed) / 60_000));
    const again = '`layersmith fetch` tries again';
    return { isAvailable: false, why: `their downloads failed ${minutes} min ago; ${again}` };
  };

  return async ({ sources }) => {
    for (const source of sources) {
      const answer = await find(source);
      if (!answer.isAvailable) return answer;
    }
    return { isAvailable: true };
  };
}

/** Reports whether the store has a file, and notes its use. Its bytes are verified when they are compiled. */
async function isStored(sourcesDir: string, file: PinnedFile): Promise<boolean> {
  const path = join(sourcesDir, file.sha256);
  const isThere = (await kindOf(path)) === 'file';
  const used = new Date();
  // The times of another user's store cannot be set.
  if (isThere) await utimes(path, used, used).catch(() => undefined);
  return isThere;
}

/** Reads the times of failed downloads. A file that is missing or damaged has none. */
async function readFailures(path: string): Promise<Readonly<Record<string, number>>> {
  try {
    return failuresSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return {};
  }
}

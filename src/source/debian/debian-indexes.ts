import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf, writingTo } from '../../core/file-system.js';
import type { DebianMirror } from './debian-mirror.js';
import { openSnapshot, takeSnapshot, type FailedSuite, type Snapshot } from './debian-snapshot.js';
import { diskFullError, freeBytes } from './free-space.js';
import { createSharedJobs } from '../shared-jobs.js';

/** A snapshot, or why no mirror provided the index of any suite. */
export type Indexes = { readonly snapshot: Snapshot } | { readonly failed: readonly FailedSuite[] };

/** The indexes of Debian's suites, kept between runs and shared by all of them. */
export interface DebianIndexes {
  /**
   * Returns the newest snapshot of any run, or takes a new one if that is older than `maxAgeMs`. Falls back to the old one if
   * that fails. Throws StorageError, or the signal's reason.
   */
  current(maxAgeMs: number, signal: AbortSignal): Promise<Indexes>;
}

/** Settings of `createDebianIndexes`. */
export interface DebianIndexesOptions {
  readonly cacheDir: string;
  /** Tried in order until one provides at least one of the suites. */
  readonly mirrors: readonly DebianMirror[];
  readonly keyring: string;
  readonly codenames: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly now: () => number;
}

/** The name of a finished snapshot's folder starts with the time when it was taken. */
const FINISHED = /^(\d+)-[0-9a-f]+$/;
/** Longer than any run uses a snapshot. A run starts with one that is at most an hour old. */
const FORGET_AFTER_MS = 3 * 60 * 60 * 1000;

/** Disk space for a new snapshot. A finished one takes 80 MB. */
const NEEDED_BYTES = 150 * 2 ** 20;

/**
 * Opens the cache of indexes in `cacheDir`. Each snapshot is created in its own folder, which is then renamed. Runs need no
 * lock: at worst, two of them take the same snapshot at the same time.
 */
export function createDebianIndexes(options: DebianIndexesOptions): DebianIndexes {
  const { cacheDir, mirrors, keyring, codenames, env, now } = options;
  const share = createSharedJobs<Indexes>();
  // Each set of mirrors, keyring and suites has its own snapshots.
  const settings = JSON.stringify([mirrors, keyring, codenames]);
  const home = join(cacheDir, createHash('sha256').update(settings).digest('hex').slice(0, 16));
  /** Remembered so that a failed refresh is not repeated for every file of a run. */
  let failure: Indexes | undefined;

  const newest = async (): Promise<Snapshot | undefined> => {
    for (const { name } of (await foldersIn(home)).filter((it) => it.takenAt !== undefined)) {
      const snapshot = await openSnapshot(join(home, name), env);
      if (snapshot !== undefined) return snapshot;
    }
    return undefined;
  };

  const refresh = async (signal: AbortSignal): Promise<Indexes> => {
    await writingTo(home, () => mkdir(home, { recursive: true }));
    await forgetOld(home, now());
    const free = await freeBytes(home);
    if (free < NEEDED_BYTES) {
      const [left, needed] = [free, NEEDED_BYTES].map((bytes) => `${Math.floor(bytes / 2 ** 20)} MiB`);
      throw diskFullError(
        home,
        ` (${left ?? ''} left, and the indexes of Debian's archive need ${needed ?? ''})`,
      );
    }
    const failed: FailedSuite[] = [];
    for (const mirror of mirrors) {
      const takenAt = now();
      const id = randomBytes(6).toString('hex');
      const dir = join(home, `new-${id}`);
      try {
        const taken = await takeSnapshot(dir, { mirror, keyring, codenames, env, takenAt }, signal);
        if (taken.suites.length === 0) {
          failed.push(...taken.failed);
          continue;
        }
        const finished = join(home, `${takenAt}-${id}`);
        await writingTo(home, () => rename(dir, finished));
        const snapshot = await openSnapshot(finished, env);
        if (snapshot !== undefined) return { snapshot };
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    }
    failure = { failed };
    return failure;
  };

  return {
    async current(maxAgeMs, signal) {
      const known = await newest();
      // A snapshot from the future means that the clock was set back.
      const ageMs = known === undefined || known.takenAt > now() ? Infinity : now() - known.takenAt;
      if (known !== undefined && ageMs <= maxAgeMs) return { snapshot: known };
      const fresh = failure ?? (await share('refresh', signal, refresh));
      return 'failed' in fresh && known !== undefined ? { snapshot: known } : fresh;
    },
  };
}

interface Folder {
  readonly name: string;
  /** Undefined while it is being created. */
  readonly takenAt: number | undefined;
}

/** Lists the snapshot folders, newest first. */
async function foldersIn(home: string): Promise<Folder[]> {
  let names: string[];
  try {
    names = await readdir(home);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
  return names
    .map((name) => {
      const digits = FINISHED.exec(name)?.[1];
      return { name, takenAt: digits === undefined ? undefined : Number(digits) };
    })
    .sort((a, b) => (b.takenAt ?? 0) - (a.takenAt ?? 0));
}

/** Removes snapshots that no run uses any longer, and unfinished ones of killed runs. */
async function forgetOld(home: string, now: number): Promise<void> {
  for (const { name, takenAt } of await foldersIn(home)) {
    const path = join(home, name);
    const since = takenAt ?? (await stat(path).catch(() => undefined))?.mtimeMs ?? now;
    if (Math.abs(now - since) > FORGET_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

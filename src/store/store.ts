import { lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { writeFileAtomically } from '../core/atomic-file.js';
import { StorageError } from '../core/errors.js';
import { errorCodeOf, makeFolder, writingTo } from '../core/file-system.js';
import { scratchName, sweepScratch } from '../core/scratch.js';

/** The kinds of stored items: artifacts of stages, by their content keys, and finished layers. */
export type Shelf = 'artifacts' | 'layers';

/** An item in the store: a file, and a record of how it was created. */
export interface StoredItem {
  readonly key: Sha256;
  /** The path of the file, whose content has been checked against `sha256`. */
  readonly path: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** A name for messages: `openssl/3.5`. */
  readonly name: string;
  /** How long it took to create, in seconds. */
  readonly seconds: number;
  /** Facts that were recorded when it was created. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Anything that `clean` can remove: an item, a source, a log. */
export interface StoreEntry {
  readonly path: string;
  readonly sizeBytes: number;
  /** When a run last used it. */
  readonly usedAt: Date;
}

/**
 * A content-addressed store in one folder, which concurrent runs can share. Every entry is written under a temporary name
 * and renamed; if two runs write the same entry, the second one discards its own. Content is checked when it is read: a
 * damaged entry is removed and counts as absent. Failed reads and writes throw StorageError.
 */
export interface Store {
  readonly root: string;
  /** Pinned source files, named by their sha256. */
  readonly sourcesDir: string;
  /** A folder for temporary files on the store's file system. */
  readonly tmpDir: string;
  readonly logsDir: string;
  /** Cached state, such as package lists and durations. */
  readonly stateDir: string;
  /**
   * Returns the item with a key, or undefined if there is none. A store that is layered over a shared one takes the item from there if
   * `checkForeign` accepts its file: it throws LayerError, IntegrityError or SmokeError otherwise.
   */
  find(
    shelf: Shelf,
    key: Sha256,
    options?: { readonly checkForeign: (path: string) => Promise<void> },
  ): Promise<StoredItem | undefined>;
  /**
   * Stores the file that `write` creates at the path that it receives. Errors of `write` are passed on unchanged, except
   * for a full disk, which becomes a StorageError.
   */
  add(
    shelf: Shelf,
    item: {
      readonly key: Sha256;
      readonly name: string;
      readonly seconds: () => number;
      /** Called once `write` has resolved. */
      readonly facts?: () => StoredItem['facts'];
    },
    write: (path: string) => Promise<void>,
  ): Promise<StoredItem>;
  /** Returns the names of all items on a shelf. Their content is not checked, and damaged entries are left out. */
  names(shelf: Shelf): Promise<ReadonlySet<string>>;
  /** Saves a JSON value under a key, such as the artifact that a stage's inputs resulted in. Replaces an earlier value. */
  remember(key: Sha256, value: unknown): Promise<void>;
  /** Returns the JSON value that was saved under a key, or undefined if there is none or it is damaged. */
  recall(key: Sha256): Promise<unknown>;
  /** Returns how long the activity with that name took last time, in seconds. */
  lastSeconds(name: string): Promise<number | undefined>;
  /** Saves how long an activity took. */
  rememberSeconds(name: string, seconds: number): Promise<void>;
  /** Lists everything that can be removed. */
  entries(): Promise<readonly StoreEntry[]>;
  /** Removes an entry. */
  remove(entry: StoreEntry): Promise<void>;
}

const recordSchema = z.object({
  name: z.string(),
  seconds: z.number(),
  sha256: z.string().refine(isSha256),
  sizeBytes: z.number(),
  facts: z.record(z.string(), z.string()).default({}),
});

/** System errors that mean that an entry is damaged. Other errors say nothing about the entry. */
const DAMAGE = ['ENOENT', 'ENOTDIR', 'EISDIR'];

const FILE = 'content';
const RECORD = 'record.json';

/**
 * Opens a store: creates missing folders, and removes temporary files that killed runs left behind. `onBroken` receives a
 * message for each damaged entry. Throws StorageError if the store is not writable.
 */
export async function openStore(root: string, onBroken: (message: string) => void): Promise<Store> {
  const sourcesDir = join(root, 'sources');
  const tmpDir = join(root, 'tmp');
  const logsDir = join(root, 'logs');
  const stateDir = join(root, 'state');
  const timings = join(stateDir, 'seconds');
  const resultsDir = join(root, 'results');
  const shelfDirs = { artifacts: join(root, 'artifacts'), layers: join(root, 'layers') };
  await writingTo(root, async () => {
    for (const folder of [sourcesDir, tmpDir, logsDir, timings, resultsDir, ...Object.values(shelfDirs)]) {
      await makeFolder(folder);
    }
    await sweepScratch(tmpDir);
  });

  const look = async (folder: string, key: Sha256): Promise<Look> => {
    const path = join(folder, FILE);
    try {
      const record = recordSchema.parse(JSON.parse(await readFile(join(folder, RECORD), 'utf8')));
      if ((await sha256OfFile(path)) !== record.sha256)
        throw new Error('its content does not match its sha256');
      const now = new Date();
      // The times of another user's entry cannot be set.
      await utimes(folder, now, now).catch(() => undefined);
      return { item: { key, path, ...record } };
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === 'ENOENT' && !(await exists(folder))) return { item: undefined };
      if (code !== undefined && !DAMAGE.includes(code)) throw unreadable(root, error);
      return { damage: reasonOf(error) };
    }
  };

  const find = async (shelf: Shelf, key: Sha256): Promise<StoredItem | undefined> => {
    const folder = join(shelfDirs[shelf], key);
    let seen = await look(folder, key);
    // Look twice: another process may have replaced the damaged entry, or removed it and added it again, in the meantime.
    if ('damage' in seen) seen = await look(folder, key);
    if (!('damage' in seen)) return seen.item;
    onBroken(`removed the damaged store entry ${shelf}/${key.slice(0, 12)}: ${seen.damage}`);
    await writingTo(root, () => discard(folder));
    return undefined;
  };

  /** Removes a path. It is renamed first, so that other runs never see a partly removed entry. */
  const discard = async (path: string): Promise<void> => {
    const aside = join(tmpDir, scratchName());
    try {
      await rename(path, aside);
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') return;
      throw error;
    }
    await rm(aside, { recursive: true, force: true });
  };

  return {
    root,
    sourcesDir,
    tmpDir,
    logsDir,
    stateDir,
    find,
    async add(shelf, item, write) {
      const folder = join(tmpDir, scratchName());
      const target = join(shelfDirs[shelf], item.key);
      const path = join(folder, FILE);
      const shelve = async (): Promise<StoredItem> => {
        const record = {
          name: item.name,
          seconds: item.seconds(),
          sha256: await sha256OfFile(path),
          sizeBytes: (await stat(path)).size,
          facts: item.facts?.() ?? {},
        };
        await writeFile(join(folder, RECORD), `${JSON.stringify(record)}\n`);
        while (!(await moved(folder, target))) {
          const theirs = await find(shelf, item.key);
          if (theirs !== undefined) return theirs;
          // Theirs was damaged or removed. A third process may add its own before the next attempt.
        }
        return { key: item.key, path: join(target, FILE), ...record };
      };
      try {
        await writingTo(root, () => mkdir(folder));
        await fillingOnly(root, () => write(path));
        return await writingTo(root, shelve);
      } finally {
        await writingTo(root, () => rm(folder, { recursive: true, force: true }));
      }
    },
    async names(shelf) {
      const names = new Set<string>();
      for (const key of await readdir(shelfDirs[shelf]).catch((error: unknown) => {
        throw unreadable(root, error);
      })) {
        const text = await readFile(join(shelfDirs[shelf], key, RECORD), 'utf8').catch(() => '');
        const record = recordSchema.safeParse(parsedOrUndefined(text));
        if (record.success) names.add(record.data.name);
      }
      return names;
    },
    remember: (key, value) => writeFileAtomically(join(resultsDir, key), `${JSON.stringify(value)}\n`),
    async recall(key) {
      const path = join(resultsDir, key);
      try {
        const value: unknown = JSON.parse(await readFile(path, 'utf8'));
        const now = new Date();
        await utimes(path, now, now).catch(() => undefined);
        return value;
      } catch (error) {
        if (errorCodeOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
        throw unreadable(root, error);
      }
    },
    async lastSeconds(name) {
      try {
        const seconds = Number.parseFloat(await readFile(join(timings, encodeURIComponent(name)), 'utf8'));
        return Number.isFinite(seconds) ? seconds : undefined;
      } catch {
        return undefined;
      }
    },
    rememberSeconds: (name, seconds) =>
      writeFileAtomically(join(timings, encodeURIComponent(name)), `${seconds.toFixed(1)}\n`),
    async entries() {
      const folders = [...Object.values(shelfDirs), resultsDir, sourcesDir, logsDir];
      try {
        return (await Promise.all(folders.map(entriesOf))).flat();
      } catch (error) {
        throw unreadable(root, error);
      }
    },
    remove: (entry) => writingTo(root, () => discard(entry.path)),
  };
}

function parsedOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The result of looking at an entry: what it is, undefined if there is none, or why it is damaged. */
type Look = { readonly item: StoredItem | undefined } | { readonly damage: string };

/** Renames a folder. Returns false if another entry is at the target. */
async function moved(folder: string, target: string): Promise<boolean> {
  try {
    await rename(folder, target);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes(errorCodeOf(error) ?? '')) return false;
    throw error;
  }
}

/** Lists the entries of a folder. Skips those that another run removes in the meantime. */
async function entriesOf(folder: string): Promise<StoreEntry[]> {
  const names = await readdir(folder);
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const info = await unlessGone(lstat(path));
      return info === undefined ? [] : [{ path, sizeBytes: await sizeOf(path), usedAt: info.mtime }];
    }),
  );
  return found.flat();
}

async function sizeOf(path: string): Promise<number> {
  const info = await unlessGone(lstat(path));
  if (info?.isDirectory() !== true) return info?.size ?? 0;
  const names = (await unlessGone(readdir(path))) ?? [];
  const sizes = await Promise.all(names.map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function unlessGone<T>(looking: Promise<T>): Promise<T | undefined> {
  return looking.catch((error: unknown) => {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

function unreadable(root: string, cause: unknown): StorageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(`cannot read the store ${root}: ${reason}`, {
    hint: 'Check its type, owner and permissions, or choose another folder with --store.',
    cause,
  });
}

/** Runs a function that writes into the store and reads elsewhere: only a full disk is an error of the store. */
async function fillingOnly(root: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof Error) || !['ENOSPC', 'EDQUOT'].includes(errorCodeOf(error) ?? '')) throw error;
    await writingTo(root, () => Promise.reject(error));
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Returns why an entry is damaged, on one line: schema errors have several. */
function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError)
    return `its ${RECORD} is not valid: ${error.issues.map(({ path, message }) => `${path.join('.')} (${message})`).join(', ')}`;
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}

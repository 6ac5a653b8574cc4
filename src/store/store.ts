import { lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { writeFileAtomically } from '../core/atomic-file.js';
import { StorageError } from '../core/errors.js';
import { errorCodeOf, makeFolder, writingTo } from '../core/file-system.js';
import { scratchName, sweepScratch } from '../core/scratch.js';

/** What the store keeps by key: artifacts of stages, by their content keys, and finished layers. */
export type Shelf = 'artifacts' | 'layers';

/** One thing in the store: a file and the record of how it came to be. */
export interface StoredItem {
  readonly key: Sha256;
  /** The file's path: its bytes were checked against `sha256`. */
  readonly path: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** What was being stored, for people: `openssl/3.5`. */
  readonly name: string;
  /** Seconds it took to make. */
  readonly seconds: number;
  /** What was found out while it was made. */
  readonly facts: Readonly<Record<string, string>>;
}

/** What `clean` can remove: an item, a source, a log. */
export interface StoreEntry {
  readonly path: string;
  readonly sizeBytes: number;
  /** When a run last needed it. */
  readonly usedAt: Date;
}

/**
 * A content-addressed store in one folder. Every entry is written under a temporary name and renamed, so two
 * runs can share it: the one that comes second finds the entry there and drops its own. Bytes are checked
 * when they are taken out; an entry that is broken is dropped and counts as absent. What the disk refuses to
 * read or to write is a StorageError.
 */
export interface Store {
  readonly root: string;
  /** Pinned source files, named by their sha256. */
  readonly sourcesDir: string;
  /** Scratch on the store's own file system. */
  readonly tmpDir: string;
  readonly logsDir: string;
  /** Private state of tools that layersmith calls (apt). */
  readonly stateDir: string;
  find(shelf: Shelf, key: Sha256): Promise<StoredItem | undefined>;
  /**
   * Stores the file that `write` makes at the path it is given. What `write` throws passes as it is, except
   * for a full disk, which is the store's.
   */
  add(
    shelf: Shelf,
    item: {
      readonly key: Sha256;
      readonly name: string;
      readonly seconds: () => number;
      /** Asked for when `write` has ended. */
      readonly facts?: () => StoredItem['facts'];
    },
    write: (path: string) => Promise<void>,
  ): Promise<StoredItem>;
  /** Notes a JSON value under a key, such as which artifact a stage's input key came to; a later one replaces it. */
  remember(key: Sha256, value: unknown): Promise<void>;
  /** The value that was noted under the key; undefined when there is none, or none that is JSON. */
  recall(key: Sha256): Promise<unknown>;
  /** Seconds that a stage of that name took last time. */
  lastSeconds(name: string): Promise<number | undefined>;
  rememberSeconds(name: string, seconds: number): Promise<void>;
  entries(): Promise<readonly StoreEntry[]>;
  remove(entry: StoreEntry): Promise<void>;
}

const recordSchema = z.object({
  name: z.string(),
  seconds: z.number(),
  sha256: z.string().refine(isSha256),
  sizeBytes: z.number(),
  facts: z.record(z.string(), z.string()).default({}),
});

/** Errors of the system by which an entry is not what was stored; any other says nothing about the entry. */
const DAMAGE = ['ENOENT', 'ENOTDIR', 'EISDIR'];

const FILE = 'content';
const RECORD = 'record.json';

/**
 * Opens a store, making its folders where they are missing, and removes what killed runs left under
 * temporary names. Throws StorageError when it cannot be written to.
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

  const find = async (shelf: Shelf, key: Sha256): Promise<StoredItem | undefined> => {
    const folder = join(shelfDirs[shelf], key);
    const path = join(folder, FILE);
    try {
      const record = recordSchema.parse(JSON.parse(await readFile(join(folder, RECORD), 'utf8')));
      if ((await sha256OfFile(path)) !== record.sha256)
        throw new Error('its bytes are not those that were stored');
      const now = new Date();
      // Another user's entry can be read, but not touched.
      await utimes(folder, now, now).catch(() => undefined);
      return { key, path, ...record };
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === 'ENOENT' && !(await exists(folder))) return undefined;
      if (code !== undefined && !DAMAGE.includes(code)) throw unreadable(root, error);
      const reason = reasonOf(error);
      onBroken(`dropped a broken entry of the store, ${shelf}/${key.slice(0, 12)}: ${reason}`);
      await writingTo(root, () => discard(folder));
      return undefined;
    }
  };

  /** Renames first, so that another run never sees half of what is being removed. */
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
        try {
          await rename(folder, target);
        } catch (error) {
          if (!['ENOTEMPTY', 'EEXIST'].includes(errorCodeOf(error) ?? '')) throw error;
          const theirs = await find(shelf, item.key);
          if (theirs !== undefined) return theirs;
          await rename(folder, target);
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

/** Another run may remove entries meanwhile: those that vanish are not there. */
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
    hint: 'Look at who owns it and what it is, or choose another folder with --store.',
    cause,
  });
}

/** Runs what writes into the store and reads elsewhere: only for want of space is the store to blame. */
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

/** Why an entry is broken, on one line: a schema lists its problems on several. */
function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError)
    return `its ${RECORD} is wrong: ${error.issues.map(({ path, message }) => `${path.join('.')} (${message})`).join(', ')}`;
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}

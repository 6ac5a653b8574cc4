import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { writeFileAtomically } from '../core/atomic-file.js';
import { errorCodeOf, writingTo } from '../core/file-system.js';
import { isGone, processIdentity } from '../core/process-identity.js';

/** What the store keeps by content key: artifacts of stages, and finished layers. */
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
 * when they are taken out; an entry that is broken is dropped and counts as absent.
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
  /** Stores the file that `write` makes at the path it is given. */
  add(
    shelf: Shelf,
    item: { readonly key: Sha256; readonly name: string; readonly seconds: () => number },
    write: (path: string) => Promise<void>,
  ): Promise<StoredItem>;
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
});

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
  const shelfDirs = { artifacts: join(root, 'artifacts'), layers: join(root, 'layers') };
  await writingTo(root, async () => {
    for (const folder of [sourcesDir, tmpDir, logsDir, timings, ...Object.values(shelfDirs)]) {
      await mkdir(folder, { recursive: true });
    }
  });
  await sweep(tmpDir);

  const find = async (shelf: Shelf, key: Sha256): Promise<StoredItem | undefined> => {
    const folder = join(shelfDirs[shelf], key);
    const path = join(folder, FILE);
    try {
      const record = recordSchema.parse(JSON.parse(await readFile(join(folder, RECORD), 'utf8')));
      if ((await sha256OfFile(path)) !== record.sha256)
        throw new Error('its bytes are not those that were stored');
      const now = new Date();
      await utimes(folder, now, now);
      return { key, path, ...record };
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT' && !(await exists(folder))) return undefined;
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      onBroken(`dropped a broken entry of the store, ${shelf}/${key.slice(0, 12)}: ${reason ?? ''}`);
      await writingTo(root, () => discard(folder));
      return undefined;
    }
  };

  /** Renames first, so that another run never sees half of what is being removed. */
  const discard = async (path: string): Promise<void> => {
    const aside = join(tmpDir, uniqueName());
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
      const folder = join(tmpDir, uniqueName());
      const target = join(shelfDirs[shelf], item.key);
      return writingTo(root, async () => {
        try {
          await mkdir(folder);
          const path = join(folder, FILE);
          await write(path);
          const record = {
            name: item.name,
            seconds: item.seconds(),
            sha256: await sha256OfFile(path),
            sizeBytes: (await stat(path)).size,
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
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      });
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
      const folders = [...Object.values(shelfDirs), sourcesDir, logsDir];
      const found = await Promise.all(folders.map(entriesOf));
      return found.flat();
    },
    remove: (entry) => writingTo(root, () => discard(entry.path)),
  };
}

async function entriesOf(folder: string): Promise<StoreEntry[]> {
  const names = await readdir(folder);
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return { path, sizeBytes: await sizeOf(path), usedAt: (await lstat(path)).mtime };
    }),
  );
}

async function sizeOf(path: string): Promise<number> {
  const info = await lstat(path);
  if (!info.isDirectory()) return info.size;
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Temporary names start with their process's identity, so that what a killed run left can be told from a live one's. */
function uniqueName(): string {
  return `${processIdentity()}-${randomBytes(6).toString('hex')}`;
}

const DAY_MS = 24 * 60 * 60 * 1000;

async function sweep(tmpDir: string): Promise<void> {
  for (const name of await readdir(tmpDir)) {
    const path = join(tmpDir, name);
    const age = Date.now() - (await lstat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (isGone(name) || age > DAY_MS) await rm(path, { recursive: true, force: true });
  }
}

import { spawnSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { StorageError } from '../../../src/core/errors.js';
import { processIdentity } from '../../../src/core/process-identity.js';
import { cleanStore } from '../../../src/pipeline/build/clean-store.js';
import { openStore, type Store } from '../../../src/store/store.js';
import { asNobody } from '../../support/as-nobody.js';
import { failure } from '../../support/failure.js';
import { smallDisk } from '../../support/small-disk.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const KEY = sha256('key');
const CONTENT = 'the bytes of an artifact';

/** A store in a folder of its own, and what it reported as broken. */
async function emptyStore(): Promise<
  AsyncDisposable & { readonly store: Store; readonly broken: readonly string[] }
> {
  const folder = await temporaryFolder();
  const broken: string[] = [];
  const store = await openStore(join(folder.path, 'store'), (message) => broken.push(message));
  return { store, broken, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const put = (store: Store, key = KEY, content = CONTENT): ReturnType<Store['add']> =>
  store.add('artifacts', { key, name: 'zlib/1.3', seconds: () => 1.5 }, (path) => writeFile(path, content));

describe('what is added', () => {
  test('is found again, with the record of how it came to be', async () => {
    await using place = await emptyStore();
    const added = await put(place.store);
    expect(added).toEqual({
      key: KEY,
      path: join(place.store.root, 'artifacts', KEY, 'content'),
      sha256: sha256(CONTENT),
      sizeBytes: CONTENT.length,
      name: 'zlib/1.3',
      seconds: 1.5,
      facts: {},
    });
    expect(await place.store.find('artifacts', KEY)).toEqual(added);
    expect(await readFile(added.path, 'utf8')).toBe(CONTENT);
    expect(place.broken).toEqual([]);
  });

  test('is found by another run that opens the same folder', async () => {
    await using place = await emptyStore();
    const added = await put(place.store);
    const other = await openStore(place.store.root, () => undefined);
    expect(await other.find('artifacts', KEY)).toEqual(added);
  });

  test('is on its own shelf only, and under its own key', async () => {
    await using place = await emptyStore();
    await put(place.store);
    expect(await place.store.find('layers', KEY)).toBeUndefined();
    expect(await place.store.find('artifacts', sha256('another key'))).toBeUndefined();
    expect(place.broken).toEqual([]);
  });

  test('can be a layer as well as an artifact', async () => {
    await using place = await emptyStore();
    await place.store.add('layers', { key: KEY, name: 'php/8.4', seconds: () => 1 }, (path) =>
      writeFile(path, 'zip'),
    );
    expect(await place.store.find('layers', KEY)).toMatchObject({ name: 'php/8.4', sha256: sha256('zip') });
  });
});

describe('a write that fails', () => {
  test('leaves nothing, and its error is the one that is thrown', async () => {
    await using place = await emptyStore();
    const adding = place.store.add('artifacts', { key: KEY, name: 'x', seconds: () => 0 }, async (path) => {
      await writeFile(path, 'half');
      await writeFile(`${path}.spool`, 'more');
      throw new RangeError('it did not compile');
    });
    expect((await failure(adding, RangeError)).message).toBe('it did not compile');
    expect(await place.store.find('artifacts', KEY)).toBeUndefined();
    expect(await readdir(place.store.tmpDir)).toEqual([]);
  });

  test.each(['EACCES', 'EPERM', 'EIO', 'EEXIST'])(
    'because of a file elsewhere (%s) is not blamed on the store',
    async (code) => {
      await using place = await emptyStore();
      const elsewhere = Object.assign(new Error(`${code}: elsewhere`), { code });
      const adding = place.store.add('artifacts', { key: KEY, name: 'x', seconds: () => 0 }, () =>
        Promise.reject(elsewhere),
      );
      expect(await failure(adding, Error)).toBe(elsewhere);
      expect(await readdir(place.store.tmpDir)).toEqual([]);
    },
  );

  test.each(['ENOSPC', 'EDQUOT'])('for want of space (%s) is, as it writes there', async (code) => {
    await using place = await emptyStore();
    const adding = place.store.add('artifacts', { key: KEY, name: 'x', seconds: () => 0 }, () =>
      Promise.reject(Object.assign(new Error(code), { code })),
    );
    const error = await failure(adding, StorageError);
    expect(error.message).toContain(`cannot write to ${place.store.root}: the disk`);
    expect(await readdir(place.store.tmpDir)).toEqual([]);
  });

  test(
    'because the store is not ours is a storage error, before anything is made',
    { tags: ['system'] },
    async () => {
      await using place = await emptyStore();
      await chmod(dirname(place.store.root), 0o755);
      const error = await failure(
        asNobody(() => put(place.store)),
        StorageError,
      );
      expect(error.message).toBe(`cannot write to ${place.store.root}: permission denied`);
    },
  );

  test('nobody sees half of it while it goes on', async () => {
    await using place = await emptyStore();
    await place.store.add('artifacts', { key: KEY, name: 'x', seconds: () => 0 }, async (path) => {
      await writeFile(path, 'half');
      expect(await place.store.find('artifacts', KEY)).toBeUndefined();
      expect(await readdir(join(place.store.root, 'artifacts'))).toEqual([]);
    });
    expect(place.broken).toEqual([]);
  });
});

describe('two runs that add the same key at once', () => {
  test('both have it, and the bytes that came first are kept', async () => {
    await using place = await emptyStore();
    const other = await openStore(place.store.root, () => undefined);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow = place.store.add('artifacts', { key: KEY, name: 'slow', seconds: () => 9 }, async (path) => {
      await released;
      await writeFile(path, 'second');
    });
    const fast = await put(other, KEY, 'first');
    release();
    expect(await slow).toEqual(fast);
    expect(await readFile(fast.path, 'utf8')).toBe('first');
    expect(await readdir(place.store.tmpDir)).toEqual([]);
  });

  test('a broken entry that is in the way is replaced', async () => {
    await using place = await emptyStore();
    const { path } = await put(place.store, KEY, 'will be broken');
    await writeFile(path, 'broken');
    expect(await put(place.store, KEY, 'whole')).toMatchObject({ sha256: sha256('whole') });
    expect(await readFile(path, 'utf8')).toBe('whole');
    expect(place.broken).toHaveLength(1);
  });

  test('a third one that comes first when a broken entry was cleared away is kept', async () => {
    await using place = await emptyStore();
    const target = join(place.store.root, 'artifacts', KEY);
    await put(place.store, sha256('third'), 'third');
    await mkdir(target);
    // Clearing it away takes many turns of the event loop, in which the third comes.
    await Promise.all(Array.from({ length: 2000 }, (_, index) => writeFile(join(target, String(index)), '')));
    const adding = put(place.store, KEY, 'mine');
    while (existsSync(target)) await setImmediate();
    renameSync(join(place.store.root, 'artifacts', sha256('third')), target);
    expect(await adding).toMatchObject({ key: KEY, sha256: sha256('third') });
    expect(await readdir(join(place.store.root, 'artifacts'))).toEqual([KEY]);
    expect(await readdir(place.store.tmpDir)).toEqual([]);
  });

  test('twenty at once leave one entry and nothing else', async () => {
    await using place = await emptyStore();
    const items = await Promise.all(Array.from({ length: 20 }, () => put(place.store)));
    expect(new Set(items.map(({ path }) => path)).size).toBe(1);
    expect(await readdir(join(place.store.root, 'artifacts'))).toEqual([KEY]);
    expect(await readdir(place.store.tmpDir)).toEqual([]);
    expect(place.broken).toEqual([]);
  });
});

describe('a broken entry is reported, dropped, and counts as absent:', () => {
  test.each<[string, (folder: string) => Promise<void>]>([
    [
      'other bytes of the same size',
      (folder) => writeFile(join(folder, 'content'), 'THE bytes of an artifact'),
    ],
    ['a file cut off', (folder) => truncate(join(folder, 'content'), 3)],
    ['a file that is not there', (folder) => rm(join(folder, 'content'))],
    ['a record that is no JSON', (folder) => writeFile(join(folder, 'record.json'), '{"name"')],
    ['a record that lacks a field', (folder) => writeFile(join(folder, 'record.json'), '{"name":"x"}')],
    ['a record that is not there', (folder) => rm(join(folder, 'record.json'))],
    ['an empty folder', (folder) => rm(folder, { recursive: true }).then(() => mkdir(folder))],
    [
      'a file where a folder should be',
      (folder) => rm(folder, { recursive: true }).then(() => writeFile(folder, '')),
    ],
  ])('%s', async (_what, damage) => {
    await using place = await emptyStore();
    await put(place.store);
    await damage(join(place.store.root, 'artifacts', KEY));
    expect(await place.store.find('artifacts', KEY)).toBeUndefined();
    expect(place.broken).toHaveLength(1);
    expect(place.broken[0]).toMatch(
      new RegExp(`^removed the damaged store entry artifacts/${KEY.slice(0, 12)}: \\S.*\\w.*$`),
    );
    expect(place.broken[0]).not.toContain('\n');
    expect(await readdir(join(place.store.root, 'artifacts'))).toEqual([]);
    expect(await readdir(place.store.tmpDir)).toEqual([]);

    await put(place.store);
    expect(await place.store.find('artifacts', KEY)).toMatchObject({ sha256: sha256(CONTENT) });
  });
});

test('a broken entry that another run replaces while it is read is found, and nothing is dropped', async () => {
  await using place = await emptyStore();
  const target = join(place.store.root, 'artifacts', KEY);
  await put(place.store);
  // Whoever reads this content waits for the bytes of the test.
  await rm(join(target, 'content'));
  spawnSync('mkfifo', [join(target, 'content')]);
  const finding = place.store.find('artifacts', KEY);
  const pipe = await open(join(target, 'content'), 'w');
  await rm(target, { recursive: true });
  const added = await put(await openStore(place.store.root, () => undefined));
  await pipe.writeFile('other bytes');
  await pipe.close();
  expect(await finding).toEqual(added);
  expect(place.broken).toEqual([]);
  expect(await readFile(added.path, 'utf8')).toBe(CONTENT);
});

describe('an entry that only this user cannot use is kept:', () => {
  test(
    "another user's entry is found, though it cannot be marked as used",
    { tags: ['system'] },
    async () => {
      await using place = await emptyStore();
      const added = await put(place.store);
      await chmod(dirname(place.store.root), 0o755);
      expect(await asNobody(() => place.store.find('artifacts', KEY))).toEqual(added);
      expect(place.broken).toEqual([]);
    },
  );

  test.each<[string, (entry: string) => Promise<void>, string]>([
    ['a record', (entry) => chmod(join(entry, 'record.json'), 0o600), 'EACCES'],
    ['the bytes', (entry) => chmod(join(entry, 'content'), 0o600), 'EACCES'],
    ['the folder', (entry) => chmod(entry, 0o700), 'EACCES'],
    [
      'a record by another error of the system',
      async (entry) => {
        await rm(join(entry, 'record.json'));
        await symlink('record.json', join(entry, 'record.json'));
      },
      'ELOOP',
    ],
  ])('%s that cannot be read is a storage error', { tags: ['system'] }, async (_what, lock, code) => {
    await using place = await emptyStore();
    await put(place.store);
    await chmod(dirname(place.store.root), 0o755);
    await lock(join(place.store.root, 'artifacts', KEY));
    const error = await failure(
      asNobody(() => place.store.find('artifacts', KEY)),
      StorageError,
    );
    expect(error.message).toContain(`cannot read the store ${place.store.root}: ${code}`);
    expect(error.hint).toContain('--store');
    expect(error.cause).toMatchObject({ code });
    expect(place.broken).toEqual([]);
    expect(await readdir(join(place.store.root, 'artifacts'))).toEqual([KEY]);
  });
});

describe('when a store is opened', () => {
  test('what cannot be removed is left, and is no error', { tags: ['system'] }, async () => {
    await using place = await emptyStore();
    const { tmpDir, root } = place.store;
    await chmod(dirname(root), 0o755);
    const old = join(tmpDir, 'of-root');
    await mkdir(old);
    await writeFile(join(old, 'content'), 'x');
    const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(old, before, before);
    await asNobody(() => openStore(root, () => undefined));
    expect(await readdir(tmpDir)).toEqual(['of-root']);
  });

  test('what a killed run left is removed, what a live one or another machine works on is kept', async () => {
    await using place = await emptyStore();
    const { tmpDir, root } = place.store;
    const [scope = '', , start = ''] = processIdentity().split('-');
    const dead = `${scope}-${spawnSync('true').pid}-${start}-aaaa`;
    const live = `${processIdentity()}-bbbb`;
    const elsewhere = `000000000000-1-1-cccc`;
    for (const name of [dead, live, elsewhere]) {
      await mkdir(join(tmpDir, name));
      await writeFile(join(tmpDir, name, 'content'), 'x');
    }
    await writeFile(join(tmpDir, `${dead}-file`), 'x');
    await openStore(root, () => undefined);
    expect((await readdir(tmpDir)).sort()).toEqual([elsewhere, live].sort());
  });

  test('what nobody touched for a day goes, whoever it belongs to', async () => {
    await using place = await emptyStore();
    const { tmpDir, root } = place.store;
    const old = join(tmpDir, '000000000000-1-1-cccc');
    await writeFile(old, 'x');
    const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(old, before, before);
    await openStore(root, () => undefined);
    expect(await readdir(tmpDir)).toEqual([]);
  });

  test('its folders are made, below a folder that is not there yet', async () => {
    await using folder = await temporaryFolder();
    const store = await openStore(join(folder.path, 'a/b/c'), () => undefined);
    for (const made of [store.sourcesDir, store.tmpDir, store.logsDir, store.stateDir])
      expect((await stat(made)).isDirectory()).toBe(true);
  });

  test('a file in its place is a storage error that names it', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ store: 'a file' });
    const root = join(folder.path, 'store');
    const error = await failure(
      openStore(root, () => undefined),
      StorageError,
    );
    expect(error.message).toContain(`cannot write to ${root}: `);
    expect(error.hint).toContain('--store');
  });
});

test('the names of the items on a shelf are known; damaged entries have none', async () => {
  await using place = await emptyStore();
  expect(await place.store.names('artifacts')).toEqual(new Set());
  await put(place.store);
  await put(place.store, sha256('another key'));
  await mkdir(join(place.store.root, 'artifacts', 'damaged'));
  expect(await place.store.names('artifacts')).toEqual(new Set(['zlib/1.3']));
  expect(await place.store.names('layers')).toEqual(new Set());
});

describe('seconds', () => {
  test('are remembered by name, and not known at first', async () => {
    await using place = await emptyStore();
    expect(await place.store.lastSeconds('php/8.4')).toBeUndefined();
    await place.store.rememberSeconds('php/8.4', 391.26);
    await place.store.rememberSeconds('layer:php/8.4', 2);
    expect(await place.store.lastSeconds('php/8.4')).toBe(391.3);
    await place.store.rememberSeconds('php/8.4', 80);
    expect(await place.store.lastSeconds('php/8.4')).toBe(80);
    expect(await place.store.lastSeconds('layer:php/8.4')).toBe(2);
  });

  test('that cannot be read are not known', async () => {
    await using place = await emptyStore();
    await writeFile(join(place.store.stateDir, 'seconds', 'x'), 'soon');
    expect(await place.store.lastSeconds('x')).toBeUndefined();
  });
});

describe('a full disk', () => {
  test(
    'while an item is added is a storage error with a hint that works, and leaves nothing',
    { tags: ['system'] },
    async () => {
      await using disk = await smallDisk(256);
      const store = await openStore(join(disk.path, 'store'), () => undefined);
      const error = await failure(put(store, KEY, 'x'.repeat(500_000)), StorageError);
      expect(error.message).toBe(`cannot write to ${store.root}: the disk is full`);
      expect(error.exitCode).toBe(74);
      expect(error.hint).toContain('layersmith clean --');
      expect(await readdir(store.tmpDir)).toEqual([]);
      expect(await store.find('artifacts', KEY)).toBeUndefined();
      await put(store, KEY, 'small');
      expect(await store.find('artifacts', KEY)).toBeDefined();
    },
  );

  test('while a record is written is one too', { tags: ['system'] }, async () => {
    await using disk = await smallDisk(64);
    const store = await openStore(join(disk.path, 'store'), () => undefined);
    const adding = store.add('artifacts', { key: KEY, name: 'x', seconds: () => 0 }, async (path) => {
      await writeFile(`${path}.filler`, 'x'.repeat(500_000)).catch(() => undefined);
      await writeFile(path, '');
    });
    expect((await failure(adding, StorageError)).message).toContain('the disk is full');
    expect(await readdir(store.tmpDir)).toEqual([]);
  });
});

describe('cleaning', () => {
  const DAY = 24 * 60 * 60 * 1000;
  const NOW = Date.UTC(2026, 5, 1);

  /** A store with an artifact of 30 days, a source of 20, a log of 10 and a layer of one; the sources in bytes. */
  async function agedStore(): ReturnType<typeof emptyStore> {
    const place = await emptyStore();
    const { store } = place;
    const age = async (path: string, days: number): Promise<void> => {
      const at = new Date(NOW - days * DAY);
      await utimes(path, at, at);
    };
    await put(store, sha256('old'), 'x'.repeat(1000));
    await age(join(store.root, 'artifacts', sha256('old')), 30);
    await writeFile(join(store.sourcesDir, sha256('source')), 'x'.repeat(5000));
    await age(join(store.sourcesDir, sha256('source')), 20);
    await mkdir(join(store.logsDir, 'run'));
    await writeFile(join(store.logsDir, 'run', 'zlib.log'), 'x'.repeat(100));
    await age(join(store.logsDir, 'run'), 10);
    await store.add('layers', { key: sha256('new'), name: 'x', seconds: () => 0 }, (path) =>
      writeFile(path, 'x'.repeat(2000)),
    );
    await age(join(store.root, 'layers', sha256('new')), 1);
    return place;
  }

  const names = (store: Store, entries: Awaited<ReturnType<typeof cleanStore>>): string[] =>
    entries.map(({ path }) => path.slice(store.root.length + 1).replace(/[0-9a-f]{60}$/, ''));
  const LOG = 'logs/run';
  const OLD = `artifacts/${sha256('old').slice(0, 4)}`;
  const SOURCE = `sources/${sha256('source').slice(0, 4)}`;
  const NEW = `layers/${sha256('new').slice(0, 4)}`;

  test('every artifact, source, log and layer is an entry with its size', async () => {
    await using place = await agedStore();
    const entries = await place.store.entries();
    expect(names(place.store, entries).sort()).toEqual([LOG, OLD, SOURCE, NEW].sort());
    const source = entries.find(({ path }) => path.includes('sources/'));
    expect(source).toMatchObject({ sizeBytes: 5000, usedAt: new Date(NOW - 20 * DAY) });
    expect(entries.find(({ path }) => path.includes('artifacts/'))?.sizeBytes).toBeGreaterThan(1000);
  });

  test.each<[string, { olderThanMs: number | undefined; maxBytes: number | undefined }, string[]]>([
    ['by age', { olderThanMs: 15 * DAY, maxBytes: undefined }, [OLD, SOURCE]],
    ['by size, the longest unused first', { olderThanMs: undefined, maxBytes: 3000 }, [OLD, SOURCE]],
    ['by size, down to nothing', { olderThanMs: undefined, maxBytes: 0 }, [OLD, SOURCE, LOG, NEW]],
    ['by both', { olderThanMs: 25 * DAY, maxBytes: 2500 }, [OLD, SOURCE]],
    ['by neither', { olderThanMs: undefined, maxBytes: undefined }, []],
    ['when all is young and small', { olderThanMs: 31 * DAY, maxBytes: 1e9 }, []],
  ])('%s', async (_how, by, removed) => {
    await using place = await agedStore();
    const before = names(place.store, await place.store.entries());
    const gone = await cleanStore(place.store, { ...by, dryRun: false, now: NOW });
    expect(names(place.store, gone)).toEqual(removed);
    const left = names(place.store, await place.store.entries());
    expect(left.sort()).toEqual(before.filter((name) => !removed.includes(name)).sort());
    expect(await readdir(place.store.tmpDir)).toEqual([]);
  });

  test('a dry run says what would go, and removes nothing', async () => {
    await using place = await agedStore();
    const gone = await cleanStore(place.store, {
      olderThanMs: 0,
      maxBytes: undefined,
      dryRun: true,
      now: NOW,
    });
    expect(gone).toHaveLength(4);
    expect(await place.store.entries()).toHaveLength(4);
  });

  test('what a run found lately is young again', async () => {
    await using place = await agedStore();
    await place.store.find('artifacts', sha256('old'));
    const gone = await cleanStore(place.store, {
      olderThanMs: 25 * DAY,
      maxBytes: undefined,
      dryRun: false,
      now: NOW,
    });
    expect(gone).toEqual([]);
  });

  test('removing what is gone already is no error', async () => {
    await using place = await agedStore();
    const [entry] = await place.store.entries();
    if (entry === undefined) throw new Error('the store is empty');
    await place.store.remove(entry);
    await place.store.remove(entry);
    expect(await place.store.entries()).toHaveLength(3);
  });

  test('by two at once removes everything, and neither fails', async () => {
    await using place = await agedStore();
    await Promise.all(Array.from({ length: 40 }, (_, index) => put(place.store, sha256(String(index)), 'x')));
    const all = { olderThanMs: undefined, maxBytes: 0, dryRun: false, now: NOW };
    const cleans = Array.from({ length: 6 }, () => cleanStore(place.store, all));
    await Promise.all(cleans);
    expect(await place.store.entries()).toEqual([]);
    expect(await readdir(place.store.tmpDir)).toEqual([]);
  });

  test('what cannot be looked at is a storage error', { tags: ['system'] }, async () => {
    await using place = await agedStore();
    const { root } = place.store;
    await chmod(dirname(root), 0o755);
    await chmod(join(root, 'layers', sha256('new')), 0o700);
    const error = await failure(
      asNobody(() => place.store.entries()),
      StorageError,
    );
    expect(error.message).toContain(`cannot read the store ${root}: EACCES`);
  });
});

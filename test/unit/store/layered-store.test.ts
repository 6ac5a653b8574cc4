import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { IntegrityError, LayerError, SharedStoreError, StorageError } from '../../../src/core/errors.js';
import type { ArtifactStore } from '../../../src/store/artifact-store.js';
import { folderObjects } from '../../../src/store/folder-objects.js';
import { layeredStore, RESULT_FACT } from '../../../src/store/layered-store.js';
import type { ObjectStore } from '../../../src/store/object-store.js';
import { openStore, type Store } from '../../../src/store/store.js';
import { tolerantStore } from '../../../src/store/tolerant-store.js';
import { failure } from '../../support/failure.js';
import { itemOf, sharedStore } from '../../support/shared-store.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

const { signal } = new AbortController();
const KEY = sha256('a key');
const accepts = { checkForeign: () => Promise.resolve() };

let folder: TemporaryFolder;
let objects: ObjectStore;
let shared: ArtifactStore;
let local: Store;
let said: string[];
let warnings: string[];

beforeEach(async () => {
  folder = await temporaryFolder();
  objects = folderObjects(join(folder.path, 'shared'));
  shared = sharedStore(objects, folder);
  local = await openStore(join(folder.path, 'local'), () => undefined);
  said = [];
  warnings = [];
  return () => folder[Symbol.asyncDispose]();
});

/** The folder before the shared store, or before another one. */
function layered({
  isStrict = false,
  below = shared,
}: { isStrict?: boolean; below?: ArtifactStore } = {}): Store {
  const warn = (message: string): number => warnings.push(message);
  return layeredStore(local, tolerantStore(below, warn), {
    isStrict,
    report: (line) => said.push(line),
    warn,
    signal,
  });
}

describe('an item', () => {
  test('of the shared store is added to the folder, with its record, and comes from there the next time', async () => {
    const item = await itemOf('the bytes', folder);
    await shared.keep('artifacts', item, signal);
    const found = await layered().find('artifacts', KEY, accepts);
    expect(found).toEqual({ ...item, path: join(local.root, 'artifacts', KEY, 'content') });
    expect(await readFile(found?.path ?? '', 'utf8')).toBe('the bytes');
    expect(said).toEqual([`zlib/1.3: from ${objects.name}`]);
    expect(await layered().find('artifacts', KEY)).toEqual(found);
    expect(await local.find('artifacts', KEY)).toEqual(found);
    expect(said).toHaveLength(1);
  });

  test('of the folder comes before that of the shared store', async () => {
    await shared.keep('artifacts', await itemOf('theirs', folder), signal);
    const ours = await local.add('artifacts', { key: KEY, name: 'ours', seconds: () => 0 }, (path) =>
      writeFile(path, 'ours'),
    );
    expect(await layered().find('artifacts', KEY, accepts)).toEqual(ours);
  });

  test('is not taken from the shared store without a check', async () => {
    await shared.keep('layers', await itemOf('the bytes', folder), signal);
    expect(await layered().find('layers', KEY)).toBeUndefined();
  });

  test('is added to the folder alone', async () => {
    await layered().add('artifacts', { key: KEY, name: 'ours', seconds: () => 0 }, (path) =>
      writeFile(path, 'x'),
    );
    expect(await shared.find('artifacts', KEY, signal)).toBeUndefined();
  });

  test('that does not pass the check is missing, with a warning, and an error where the store is strict', async () => {
    await shared.keep('artifacts', await itemOf('the bytes', folder), signal);
    const refuses = {
      checkForeign: () =>
        Promise.reject(new LayerError('it leaves the tree', { details: { entry: '../x' } })),
    };
    expect(await layered().find('artifacts', KEY, refuses)).toBeUndefined();
    expect(warnings).toEqual(['zlib/1.3 of the shared store is not used: it leaves the tree; entry ../x']);
    expect(await local.find('artifacts', KEY)).toBeUndefined();
    await failure(layered({ isStrict: true }).find('artifacts', KEY, refuses), LayerError);
    const breaks = { checkForeign: () => Promise.reject(new StorageError('the disk is full')) };
    await failure(layered().find('artifacts', KEY, breaks), StorageError);
  });

  test('whose bytes are others is missing, with a warning that has both digests', async () => {
    const item = await itemOf('the bytes', folder);
    const blob = `v1/blobs/${item.sha256.slice(0, 2)}/${item.sha256}.zip`;
    await objects.create(blob, { bytes: Buffer.from('the wrong') }, signal);
    await shared.keep('layers', item, signal);
    expect(await layered().find('layers', KEY, accepts)).toBeUndefined();
    expect(warnings[0]).toContain(`expected ${item.sha256}; actual ${sha256('the wrong')}`);
    await failure(layered({ isStrict: true }).find('layers', KEY, accepts), IntegrityError);
  });
});

describe('the result of a stage', () => {
  test('comes from the shared store, and then from the folder', async () => {
    const facts = { [RESULT_FACT]: JSON.stringify({ contentKey: 'x' }) };
    await shared.keep('stages', await itemOf('the bytes', folder, { facts }), signal);
    expect(await layered().recall(KEY)).toEqual({ contentKey: 'x' });
    expect(await local.recall(KEY)).toEqual({ contentKey: 'x' });
  });

  test('that nobody has is undefined', async () => {
    expect(await layered().recall(KEY)).toBeUndefined();
  });
});

describe('a shared store that fails', () => {
  /** A store whose calls fail, and how many were made. */
  function failing(error: Error): ArtifactStore & { readonly calls: () => number } {
    let calls = 0;
    const fail = (): Promise<never> => {
      calls += 1;
      return Promise.reject(error);
    };
    return {
      ...{ name: 's3://acme', find: fail, fetch: fail, keep: fail, readSource: fail, keepSource: fail },
      calls: () => calls,
    };
  }

  test('costs one warning and one call, whatever is asked of it', async () => {
    const broken = failing(
      new SharedStoreError('s3://acme: it does not answer', { hint: 'Check the network.' }),
    );
    const store = layered({ below: broken });
    expect(await store.find('artifacts', KEY, accepts)).toBeUndefined();
    expect(await store.recall(KEY)).toBeUndefined();
    expect(await store.find('layers', KEY, accepts)).toBeUndefined();
    expect(broken.calls()).toBe(1);
    expect(warnings).toEqual([
      'the shared store s3://acme: it does not answer; this run goes on without it. Check the network.',
    ]);
  });

  test('does not even answer several that ask at once with several warnings', async () => {
    const broken = failing(new SharedStoreError('s3://acme: it does not answer'));
    const store = layered({ below: broken });
    await Promise.all([KEY, sha256('2'), sha256('3')].map((key) => store.find('artifacts', key, accepts)));
    expect(warnings).toHaveLength(1);
  });

  test('in the middle of an entry leaves that one out', async () => {
    const item = await itemOf('the bytes', folder);
    await shared.keep('artifacts', item, signal);
    const cut = {
      ...shared,
      fetch: () => Promise.reject(new SharedStoreError('s3://acme: it does not answer')),
    };
    expect(await layered({ below: cut }).find('artifacts', KEY, accepts)).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });

  test('that may not be written can be read', async () => {
    const item = await itemOf('the bytes', folder);
    await shared.keep('artifacts', item, signal);
    const denied = new SharedStoreError('s3://acme: s3:PutObject is not allowed', { isDenied: true });
    let writes = 0;
    const keep = (): Promise<never> => {
      writes += 1;
      return Promise.reject(denied);
    };
    const store = tolerantStore({ ...shared, keep }, (message) => warnings.push(message));
    expect(await store.keep('artifacts', item, signal)).toEqual({ status: 'unavailable' });
    expect(await store.keepSource(KEY, item.path, signal)).toBe(false);
    expect(await store.find('artifacts', KEY, signal)).toMatchObject({ name: item.name });
    expect(writes).toBe(1);
    expect(warnings).toEqual([
      'the shared store s3://acme: s3:PutObject is not allowed; this run adds nothing.',
    ]);
  });

  test('because of something else fails', async () => {
    const broken = failing(new RangeError('a defect'));
    await failure(layered({ below: broken }).find('artifacts', KEY, accepts), RangeError);
  });
});

test('a folder that may not be read or written says so', async () => {
  const root = join(folder.path, 'denied');
  await writeFile(root, 'not a folder');
  const denied = folderObjects(root);
  expect(await denied.read('x', signal)).toBeUndefined();
  await failure(denied.create('x', { bytes: Buffer.from('x') }, signal), SharedStoreError);
});

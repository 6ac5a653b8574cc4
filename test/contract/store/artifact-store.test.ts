import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256, type Sha256 } from '../../../src/core/digest.js';
import { IntegrityError, UsageError } from '../../../src/core/errors.js';
import { folderObjects } from '../../../src/store/folder-objects.js';
import type { ArtifactStore, SharedShelf } from '../../../src/store/artifact-store.js';
import type { ObjectStore } from '../../../src/store/object-store.js';
import { failure } from '../../support/failure.js';
import { PIP_INSTALL_MS, startMoto, type Moto } from '../../support/moto.js';
import { createBucket, openBucket, useS3 } from '../../support/s3.js';
import { itemOf, OUR_KEY, sharedStore, THEIR_KEY } from '../../support/shared-store.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

// What every shared store must do, wherever its objects are.

const { signal } = new AbortController();
const KEY = sha256('a key');

interface Place {
  readonly objects: ObjectStore;
  readonly folder: TemporaryFolder;
}

const recordName = (key: Sha256, shelf: SharedShelf = 'artifacts'): string =>
  `v1/${shelf}/${key.slice(0, 2)}/${key}.json`;
const blobName = (digest: Sha256, ending = 'tar.gz'): string =>
  `v1/blobs/${digest.slice(0, 2)}/${digest}.${ending}`;

/** An object that is there. */
async function opened(objects: ObjectStore, name: string): Promise<Readable> {
  const content = await objects.read(name, signal);
  if (content === undefined) throw new Error(`there is no ${name}`);
  return content;
}

/** The bytes under a key. Undefined if there is no record. */
async function bytesOf(
  store: ArtifactStore,
  { folder, shelf = 'artifacts', key = KEY }: { folder: TemporaryFolder; shelf?: SharedShelf; key?: Sha256 },
): Promise<string | undefined> {
  const record = await store.find(shelf, key, signal);
  if (record === undefined) return undefined;
  const output = join(folder.path, 'fetched');
  expect(await store.fetch(shelf, record, output, signal)).toBe(true);
  return readFile(output, 'utf8');
}

function contract(open: () => Promise<Place>): void {
  let place: Place;
  let store: ReturnType<typeof sharedStore>;
  const reader = (changes: Parameters<typeof sharedStore>[2] = {}): ReturnType<typeof sharedStore> =>
    sharedStore(place.objects, place.folder, { signingKey: undefined, ...changes });

  beforeEach(async () => {
    place = await open();
    store = sharedStore(place.objects, place.folder);
    return async () => {
      await place.folder[Symbol.asyncDispose]();
    };
  });

  test('what is kept is found by others, with its record and its bytes', async () => {
    const item = await itemOf('the bytes', place.folder);
    expect(await reader().find('artifacts', KEY, signal)).toBeUndefined();
    expect(await store.keep('artifacts', item, signal)).toEqual({ status: 'kept' });
    const { path: _path, ...record } = item;
    expect(await reader().find('artifacts', KEY, signal)).toEqual(record);
    expect(await bytesOf(reader(), place)).toBe('the bytes');
    expect(await reader().find('layers', KEY, signal)).toBeUndefined();
    expect(await reader().find('artifacts', sha256('another'), signal)).toBeUndefined();
    expect(store.warnings).toEqual([]);
  });

  test.each<SharedShelf>(['artifacts', 'stages', 'layers'])(
    '%s of several megabytes stay whole',
    async (shelf) => {
      const content = randomBytes(3 * 1024 ** 2).toString('base64');
      const item = await itemOf(content, place.folder);
      expect(await store.keep(shelf, item, signal)).toEqual({ status: 'kept' });
      expect(await bytesOf(reader(), { folder: place.folder, shelf })).toBe(content);
    },
  );

  test('the result of a stage and its artifact share their bytes', async () => {
    const item = await itemOf('the bytes', place.folder);
    await store.keep('artifacts', item, signal);
    await store.keep('stages', { ...item, path: '/gone', key: sha256('its input key') }, signal);
    expect(
      await bytesOf(reader(), { folder: place.folder, shelf: 'stages', key: sha256('its input key') }),
    ).toBe('the bytes');
  });

  test('what is there is not kept again', async () => {
    const item = await itemOf('the bytes', place.folder);
    await store.keep('artifacts', item, signal);
    expect(await store.keep('artifacts', { ...item, path: '/gone', seconds: 99 }, signal)).toEqual({
      status: 'present',
    });
    expect((await store.find('artifacts', KEY, signal))?.seconds).toBe(item.seconds);
  });

  test('other bytes under the same key are named, and change nothing', async () => {
    await store.keep('artifacts', await itemOf('the first', place.folder), signal);
    expect(await store.keep('artifacts', await itemOf('the second', place.folder), signal)).toEqual({
      status: 'other',
      sha256: sha256('the first'),
      trusted: true,
    });
    expect(await bytesOf(reader(), place)).toBe('the first');
  });

  test('of eight that keep the same at once, one does it', async () => {
    const content = randomBytes(100_000).toString('base64');
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async () =>
        sharedStore(place.objects, place.folder).keep(
          'artifacts',
          await itemOf(content, place.folder),
          signal,
        ),
      ),
    );
    const kept = outcomes.filter(({ status }) => status === 'kept');
    expect(kept).toHaveLength(1);
    expect(outcomes.filter(({ status }) => status === 'present')).toHaveLength(7);
    expect(await bytesOf(reader(), place)).toBe(content);
  });

  test('of eight that keep different bytes under a key at once, one does it, and the others name its digest', async () => {
    const contents = Array.from({ length: 8 }, () => randomBytes(50_000).toString('base64'));
    const outcomes = await Promise.all(
      contents.map(async (content) =>
        sharedStore(place.objects, place.folder).keep(
          'artifacts',
          await itemOf(content, place.folder),
          signal,
        ),
      ),
    );
    const winner = outcomes.findIndex(({ status }) => status === 'kept');
    const digest = sha256(contents[winner] ?? '');
    expect(outcomes.filter(({ status }) => status === 'kept')).toHaveLength(1);
    expect(outcomes.filter((_outcome, index) => index !== winner)).toEqual(
      Array.from({ length: 7 }, () => ({ status: 'other', sha256: digest, trusted: true })),
    );
    expect(await bytesOf(reader(), place)).toBe(contents[winner]);
  });

  test('without a key nothing is kept', async () => {
    const item = await itemOf('the bytes', place.folder);
    await failure(reader().keep('artifacts', item, signal), UsageError);
    expect(await place.objects.exists(blobName(item.sha256), signal)).toBe(false);
  });

  describe('records that no trusted key signed', () => {
    const keys = [sha256('1'), sha256('2'), sha256('3')] as const;

    beforeEach(async () => {
      const theirs = sharedStore(place.objects, place.folder, { signingKey: THEIR_KEY });
      await theirs.keep('artifacts', await itemOf('planted', place.folder, { key: keys[0] }), signal);
      const signed = JSON.parse(await text(await opened(place.objects, recordName(keys[0])))) as object;
      const plant = (key: Sha256, record: object): Promise<boolean> =>
        place.objects.create(recordName(key), { bytes: Buffer.from(JSON.stringify(record)) }, signal);
      await plant(keys[1], { ...signed, signatures: [] });
      await plant(keys[2], { not: 'a record' });
    });

    test('count as missing, with one warning', async () => {
      const ours = reader();
      for (const key of keys) expect(await ours.find('artifacts', key, signal)).toBeUndefined();
      expect(ours.warnings).toHaveLength(1);
      expect(ours.warnings[0]).toContain(`${keys[0]}.json is not signed by a trusted key`);
      expect(ours.warnings[0]).toContain(THEIR_KEY.id);
    });

    test('are an error where signatures are required', async () => {
      const strict = reader({ requireSignatures: true });
      for (const [key, reason] of [
        [keys[0], THEIR_KEY.id],
        [keys[1], 'is not signed'],
        [keys[2], 'is not a record'],
      ] as const)
        expect((await failure(strict.find('artifacts', key, signal), IntegrityError)).message).toContain(
          reason,
        );
      expect(await strict.find('artifacts', sha256('none'), signal)).toBeUndefined();
    });

    test('are found by those who trust the key', async () => {
      const theirs = reader({ trustedKeys: [OUR_KEY.publicKey, THEIR_KEY.publicKey] });
      expect(await bytesOf(theirs, { folder: place.folder, key: keys[0] })).toBe('planted');
    });

    test('are reported when the same entry is kept, with their digest if it is another one', async () => {
      const outcomes = [];
      for (const key of keys)
        outcomes.push(
          await store.keep('artifacts', await itemOf('the true one', place.folder, { key }), signal),
        );
      const other = { status: 'other', sha256: sha256('planted'), trusted: false };
      expect(outcomes).toEqual([other, other, { status: 'untrusted' }]);
      expect(
        await store.keep('artifacts', await itemOf('planted', place.folder, { key: keys[0] }), signal),
      ).toEqual({ status: 'untrusted' });
    });
  });

  test('a record that was copied to another key or shelf counts as missing', async () => {
    await store.keep('artifacts', await itemOf('old and full of holes', place.folder), signal);
    const record = await buffer(await opened(place.objects, recordName(KEY)));
    const other = sha256('another key');
    await place.objects.create(recordName(other), { bytes: record }, signal);
    await place.objects.create(recordName(KEY, 'layers'), { bytes: record }, signal);
    const ours = reader();
    expect(await ours.find('artifacts', other, signal)).toBeUndefined();
    expect(await ours.find('layers', KEY, signal)).toBeUndefined();
    expect(ours.warnings).toEqual([expect.stringContaining(`is the record of artifacts/${KEY}`)]);
  });

  test('an endless record is not read to its end', async () => {
    const bytes = Buffer.alloc(4 * 1024 ** 2, ' ');
    await place.objects.create(recordName(KEY), { bytes }, signal);
    const ours = reader();
    expect(await ours.find('artifacts', KEY, signal)).toBeUndefined();
    expect(ours.warnings).toHaveLength(1);
  });

  test.each<[string, (digest: Sha256) => Uint8Array]>([
    ['other bytes', () => gzipSync('the wrong')],
    ['more bytes than its record says', () => gzipSync('the bytes, and endlessly more'.repeat(100_000))],
    ['bytes that are not packed', () => Buffer.from('the bytes')],
    ['half of the packed bytes', () => gzipSync('the bytes').subarray(0, 20)],
  ])('an entry with %s is refused', async (_what, bytes) => {
    const item = await itemOf('the bytes', place.folder);
    await place.objects.create(blobName(item.sha256), { bytes: bytes(item.sha256) }, signal);
    // Nobody reads what is there before it is needed.
    expect(await store.keep('artifacts', item, signal)).toEqual({ status: 'kept' });
    const record = await reader().find('artifacts', KEY, signal);
    if (record === undefined) throw new Error('no record');
    const error = await failure(
      reader().fetch('artifacts', record, join(place.folder.path, 'out'), signal),
      IntegrityError,
    );
    expect(error.message).toContain(place.objects.name);
  });

  test('an entry with other bytes is refused with both digests', async () => {
    const item = await itemOf('the bytes', place.folder);
    await place.objects.create(blobName(item.sha256, 'zip'), { bytes: Buffer.from('the wrong') }, signal);
    await store.keep('layers', item, signal);
    const error = await failure(
      reader().fetch('layers', item, join(place.folder.path, 'out'), signal),
      IntegrityError,
    );
    expect(error.details).toEqual({ expected: sha256('the bytes'), actual: sha256('the wrong') });
  });

  test('a record whose bytes are gone is no entry, until the bytes are kept again', async () => {
    await using elsewhere = await temporaryFolder();
    const other = folderObjects(join(elsewhere.path, 'other'));
    const item = await itemOf('the bytes', place.folder);
    await sharedStore(other, place.folder).keep('artifacts', item, signal);
    const record = await buffer(await opened(other, recordName(KEY)));
    await place.objects.create(recordName(KEY), { bytes: record }, signal);
    expect(await store.fetch('artifacts', item, join(place.folder.path, 'out'), signal)).toBe(false);
    expect(await store.keep('artifacts', item, signal)).toEqual({ status: 'present' });
    expect(await bytesOf(reader(), place)).toBe('the bytes');
  });

  test('bytes whose record was never written are kept with a record later', async () => {
    const item = await itemOf('the bytes', place.folder);
    await place.objects.create(blobName(item.sha256), { bytes: gzipSync('the bytes') }, signal);
    expect(await reader().find('artifacts', KEY, signal)).toBeUndefined();
    expect(await store.keep('artifacts', item, signal)).toEqual({ status: 'kept' });
    expect(await bytesOf(reader(), place)).toBe('the bytes');
  });

  test('a source is kept once, by its digest', async () => {
    const path = join(place.folder.path, 'lua.tar.gz');
    await writeFile(path, 'a tarball');
    const digest = sha256('a tarball');
    expect(await reader().readSource(digest, signal)).toBeUndefined();
    expect(await store.keepSource(digest, path, signal)).toBe(true);
    expect(await store.keepSource(digest, path, signal)).toBe(false);
    expect(await text((await reader().readSource(digest, signal)) ?? Readable.from([]))).toBe('a tarball');
  });

  test('an aborted signal ends every call with its reason', async () => {
    const reason = new Error('stopped');
    const stopped = AbortSignal.abort(reason);
    const item = await itemOf('the bytes', place.folder);
    expect(await failure(store.find('artifacts', KEY, stopped), Error)).toBe(reason);
    expect(await failure(store.keep('artifacts', item, stopped), Error)).toBe(reason);
    expect(await failure(store.readSource(KEY, stopped), Error)).toBe(reason);
  });
}

describe('in a folder', () => {
  contract(async () => {
    const folder = await temporaryFolder();
    return { folder, objects: folderObjects(join(folder.path, 'shared')) };
  });
});

describe('in S3', { tags: 'system' }, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
    await createBucket(moto.url);
  }, PIP_INSTALL_MS);
  afterAll(() => moto[Symbol.asyncDispose]());
  beforeEach(() => {
    useS3(moto.url);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  contract(async () => ({ folder: await temporaryFolder(), objects: await openBucket() }));
});

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { SharedStoreError } from '../../../src/core/errors.js';
import { s3Objects } from '../../../src/store/s3-objects.js';
import type { StoredItem } from '../../../src/store/store.js';
import { startFaultServer, type AwsRequest, type Fault, type FaultServer } from '../../support/aws-faults.js';
import { failure } from '../../support/failure.js';
import { PIP_INSTALL_MS, startMoto, type Moto } from '../../support/moto.js';
import { createBucket, openBucket, useS3 } from '../../support/s3.js';
import { itemOf, sharedStore } from '../../support/shared-store.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

// A store in S3 whose server or network fails.

const { signal } = new AbortController();
const KEY = sha256('a key');
const CONTENT = randomBytes(200_000).toString('base64');

describe('S3', { tags: 'system' }, () => {
  let moto: Moto;
  let folder: TemporaryFolder;
  let item: StoredItem;

  beforeAll(async () => {
    moto = await startMoto();
    await createBucket(moto.url);
    folder = await temporaryFolder();
    item = await itemOf(CONTENT, folder);
  }, PIP_INSTALL_MS);
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    await moto[Symbol.asyncDispose]();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const prefixes = (): string => `faults/${randomBytes(8).toString('hex')}`;

  /** A store with one entry, behind a server with faults, and the requests that this has seen. */
  async function kept(
    faultOf: Parameters<typeof startFaultServer>[1],
    { patienceMs = 10_000 } = {},
  ): Promise<
    AsyncDisposable & { readonly store: ReturnType<typeof sharedStore>; readonly server: FaultServer }
  > {
    const prefix = prefixes();
    useS3(moto.url);
    await sharedStore(await openBucket({ prefix }), folder).keep('artifacts', item, signal);
    return behind(faultOf, { prefix, patienceMs });
  }

  async function behind(
    faultOf: Parameters<typeof startFaultServer>[1],
    { prefix = prefixes(), patienceMs = 10_000 } = {},
  ): Promise<
    AsyncDisposable & { readonly store: ReturnType<typeof sharedStore>; readonly server: FaultServer }
  > {
    const server = await startFaultServer(moto.url, faultOf);
    useS3(server.url);
    const store = sharedStore(await openBucket({ prefix, patienceMs }), folder);
    return { store, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  }

  const failing = (status: number, type: string): Fault => ({
    status,
    type,
    message: 'as the test wants it',
  });
  const isBlob = ({ path }: AwsRequest): boolean => path.includes('/blobs/');
  const output = (): string => join(folder.path, 'output');

  test('a stream that is cut once is read again', async () => {
    await using place = await kept((request) =>
      request.method === 'GET' && isBlob(request) && request.count === 1 ? 'cutBody' : undefined,
    );
    expect(await place.store.fetch('artifacts', item, output(), signal)).toBe(true);
    expect(await readFile(output(), 'utf8')).toBe(CONTENT);
  });

  test('a stream that is always cut is an error of the store', async () => {
    await using place = await kept((request) => (isBlob(request) ? 'cutBody' : undefined));
    const error = await failure(place.store.fetch('artifacts', item, output(), signal), SharedStoreError);
    expect(error).toMatchObject({ isDenied: false });
    expect(error.message).toMatch(/^s3:\/\/acme-layers\/faults\/\w+: it does not answer/);
  });

  test('a stream that stalls is an error of the store after some time', async () => {
    await using place = await kept((request) => (isBlob(request) ? 'stall' : undefined), { patienceMs: 300 });
    const error = await failure(place.store.fetch('artifacts', item, output(), signal), SharedStoreError);
    expect(error.message).toContain('no more bytes within 0.3 s');
  });

  test('a server that never answers is asked once, and not for long', async () => {
    await using place = await kept(() => 'silence', { patienceMs: 300 });
    const started = performance.now();
    const error = await failure(place.store.find('artifacts', KEY, signal), SharedStoreError);
    expect(error.message).toContain('no answer within 0.3 s');
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(place.server.seen).toHaveLength(1);
  });

  test.each([
    [500, 'InternalError'],
    [503, 'SlowDown'],
  ])('%i is asked again, and is an error if it stays', async (status, type) => {
    await using place = await kept(({ count }) => (count === 1 ? failing(status, type) : undefined));
    expect(await place.store.find('artifacts', KEY, signal)).toMatchObject({ name: item.name });
    await using broken = await kept(() => failing(status, type));
    const error = await failure(broken.store.find('artifacts', KEY, signal), SharedStoreError);
    expect(error.message).toContain(`it answers ${status} (${type}: as the test wants it)`);
    expect(broken.server.seen).toHaveLength(3);
  });

  test('what may not be read is an error that names the action, and is not asked for again', async () => {
    await using place = await kept(() => failing(403, 'AccessDenied'));
    const error = await failure(place.store.find('artifacts', KEY, signal), SharedStoreError);
    expect(error).toMatchObject({ isDenied: true });
    expect(error.message).toContain('s3:GetObject is not allowed (AccessDenied)');
    expect(place.server.seen).toHaveLength(1);
  });

  test('what may not be written is an error that names the action; it can still be read', async () => {
    await using place = await kept(({ method }) =>
      method === 'PUT' ? failing(403, 'AccessDenied') : undefined,
    );
    const error = await failure(
      place.store.keep('artifacts', { ...item, key: sha256('another') }, signal),
      SharedStoreError,
    );
    expect(error).toMatchObject({ isDenied: true });
    expect(error.message).toContain('s3:PutObject is not allowed');
    expect(await place.store.find('artifacts', KEY, signal)).toMatchObject({ name: item.name });
  });

  test('409, another write of the same object that is not over yet, is tried again', async () => {
    await using place = await behind(({ method, count }) =>
      method === 'PUT' && count === 1 ? failing(409, 'ConditionalRequestConflict') : undefined,
    );
    expect(await place.store.keep('artifacts', item, signal)).toEqual({ status: 'kept' });
    expect(place.server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(4);
  });

  test('412, because somebody else was quicker, ends with what is there', async () => {
    const other = await itemOf('other bytes', folder);
    for (const [theirs, expected] of [
      [item, { status: 'present' }],
      [other, { status: 'other', sha256: other.sha256, trusted: true }],
    ] as const) {
      const prefix = prefixes();
      useS3(moto.url);
      const direct = sharedStore(await openBucket({ prefix }), folder);
      await using place = await behind(
        async ({ method, count }) => {
          // After we looked, and before we write.
          if (method === 'HEAD' && count === 1) await direct.keep('artifacts', theirs, signal);
          return undefined;
        },
        { prefix },
      );
      expect(await place.store.keep('artifacts', item, signal)).toEqual(expected);
    }
  });

  test('a write whose answer is lost was made once', async () => {
    await using place = await behind(({ method, count }) =>
      method === 'PUT' && count === 1 ? 'cutAfter' : undefined,
    );
    expect(await place.store.keep('artifacts', item, signal)).toEqual({ status: 'present' });
    expect(await place.store.fetch('artifacts', item, output(), signal)).toBe(true);
  });

  test('every write names the digest of its bytes, and replaces nothing', async () => {
    await using place = await behind(() => undefined);
    await place.store.keep('artifacts', item, signal);
    const puts = place.server.seen.filter(({ method }) => method === 'PUT');
    expect(puts).toHaveLength(2);
    for (const { headers } of puts) {
      expect(headers['if-none-match']).toBe('*');
      expect(headers['x-amz-checksum-sha256']).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    }
  });

  test('a bucket that does not exist is named', async () => {
    useS3(moto.url);
    const objects = await s3Objects({ bucket: 'no-such-bucket', prefix: '', isStandIn: true });
    const error = await failure(objects.read('x', signal), SharedStoreError);
    expect(error.message).toBe('s3://no-such-bucket: there is no such bucket');
  });
});

test('a server that is not there is an error at once', async () => {
  useS3('http://127.0.0.1:1');
  const error = await failure((await openBucket()).read('x', signal), SharedStoreError);
  expect(error.message).toMatch(/it does not answer \(.*ECONNREFUSED.*\)$/);
  vi.unstubAllEnvs();
});

test('missing credentials are an error with what to do', async () => {
  useS3('http://127.0.0.1:1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
  const error = await failure((await openBucket()).read('x', signal), SharedStoreError);
  expect(error.message).toMatch(/no AWS credentials found$/);
  expect(error.hint).toContain('AWS_PROFILE');
  vi.unstubAllEnvs();
});

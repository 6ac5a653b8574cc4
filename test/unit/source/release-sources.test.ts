import { mkdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IntegrityError } from '../../../src/core/errors.js';
import { createReleaseSources, type ReleaseSourcesOptions } from '../../../src/source/release-sources.js';
import { failure } from '../../support/failure.js';
import { makeStore, never, pinned, source, startServer, type TestStore } from './source-support.js';

const BYTES = 'the tarball of a release';
const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 24);

/** The availability of releases in a store, as one run asks for it. */
function run(
  store: TestStore,
  options: Partial<ReleaseSourcesOptions> & { readonly offline?: boolean } = {},
) {
  const { offline = false, ...others } = options;
  return createReleaseSources({
    sourcesDir: store.sourcesDir,
    stateDir: join(store.root, 'state'),
    local: store.fetcher({ offline: true }),
    remote: offline ? undefined : store.fetcher(),
    places: [],
    retries: false,
    now: () => START,
    signal: never(),
    ...others,
  });
}

describe('a release is available', () => {
  test('if the store has an alternative of each source: it counts as used, and nothing is asked', async () => {
    await using server = await startServer((_, response) => response.writeHead(404).end());
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/a`);
    const path = join(store.sourcesDir, file.sha256);
    await writeFile(path, BYTES);
    await utimes(path, 1000, 1000);
    const release = { sources: [source(pinned('another packing', `${server.origin}/b`), file)] };
    expect(await run(store)(release)).toEqual({ isAvailable: true });
    expect(server.asked).toEqual([]);
    expect((await stat(path)).mtimeMs).toBeGreaterThan(1_000_000);
  });

  test('if it can be downloaded, which puts it into the store', async () => {
    await using server = await startServer((_, response) => response.end(BYTES));
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/a`);
    expect(await run(store)({ sources: [source(file)] })).toEqual({ isAvailable: true });
    expect((await store.names()).sources).toEqual([file.sha256]);
  });

  test('not if one of several sources is missing', async () => {
    await using server = await startServer((request, response) => {
      if (request.url === '/a') response.end(BYTES);
      else response.writeHead(404).end();
    });
    await using store = await makeStore();
    const sources = [pinned(BYTES, `${server.origin}/a`), pinned('more', `${server.origin}/b`)].map((file) =>
      source(file),
    );
    expect(await run(store)({ sources })).toEqual({ isAvailable: false, why: 'their downloads failed' });
  });

  test('never with wrong bytes: they are an error, not a reason for an older release', async () => {
    await using server = await startServer((_, response) => response.end('other bytes'));
    await using store = await makeStore();
    await failure(run(store)({ sources: [source(pinned(BYTES, `${server.origin}/a`))] }), IntegrityError);
  });
});

describe('a failed download', () => {
  test('is not tried again for an hour, in other runs either; then it is', async () => {
    let answers = false;
    await using server = await startServer((_, response) => {
      if (answers) response.end(BYTES);
      else response.writeHead(404).end();
    });
    await using store = await makeStore();
    const release = { sources: [source(pinned(BYTES, `${server.origin}/a`))] };
    expect(await run(store)(release)).toMatchObject({ isAvailable: false });
    answers = true;
    const at = (minutes: number): Partial<ReleaseSourcesOptions> => ({ now: () => START + minutes * MINUTE });
    expect(await run(store, at(12))(release)).toEqual({
      isAvailable: false,
      why: 'their downloads failed 12 min ago; `layersmith fetch` tries again',
    });
    expect(server.asked).toEqual(['/a']);
    expect(await run(store, at(61))(release)).toEqual({ isAvailable: true });
  });

  test.each<[string, Partial<ReleaseSourcesOptions>]>([
    ['if asked to', { retries: true }],
    ['with other mirrors or proxies', { places: ['http://mirror.example/debian'] }],
    ['after the clock was set back', { now: () => START - 1000 }],
  ])('is tried again earlier %s', async (_when, options) => {
    await using server = await startServer((_, response) => response.writeHead(404).end());
    await using store = await makeStore();
    const release = { sources: [source(pinned(BYTES, `${server.origin}/a`))] };
    await run(store)(release);
    await run(store, options)(release);
    expect(server.asked).toEqual(['/a', '/a']);
  });

  test('does not hide a file that --sources has meanwhile', async () => {
    await using server = await startServer((_, response) => response.writeHead(404).end());
    await using store = await makeStore();
    const release = { sources: [source(pinned(BYTES, `${server.origin}/a`))] };
    await run(store)(release);
    const extraDir = join(store.root, 'tarballs');
    await mkdir(extraDir);
    await writeFile(join(extraDir, 'any-name'), BYTES);
    const local = store.fetcher({ offline: true, extraDir });
    expect(await run(store, { local })(release)).toEqual({ isAvailable: true });
    expect(server.asked).toEqual(['/a']);
  });

  test('is forgotten with a damaged note, which is no error', async () => {
    await using server = await startServer((_, response) => response.writeHead(404).end());
    await using store = await makeStore();
    const release = { sources: [source(pinned(BYTES, `${server.origin}/a`))] };
    await run(store)(release);
    await writeFile(join(store.root, 'state', 'failed-downloads.json'), '{"x":');
    expect(await run(store)(release)).toEqual({ isAvailable: false, why: 'their downloads failed' });
    expect(server.asked).toEqual(['/a', '/a']);
  });
});

test('--offline asks nobody and notes nothing', async () => {
  await using server = await startServer((_, response) => response.end(BYTES));
  await using store = await makeStore();
  const release = { sources: [source(pinned(BYTES, `${server.origin}/a`))] };
  expect(await run(store, { offline: true })(release)).toEqual({
    isAvailable: false,
    why: '--offline forbids downloading them',
  });
  expect(server.asked).toEqual([]);
  await rm(store.sourcesDir, { recursive: true });
  expect(await run(store)(release)).toEqual({ isAvailable: true });
});

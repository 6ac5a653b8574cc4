import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { IntegrityError, InterruptedError, SourceError } from '../../../src/core/errors.js';
import type { SourceProvider } from '../../../src/source/source-provider.js';
import { failure } from '../../support/failure.js';
import { deadOrigin, makeStore, never, pinned, source, startServer } from './source-support.js';

const BYTES = 'the bytes of a tarball, as pinned';
const NOWHERE = 'https://layersmith.invalid/thing-1.0.tar.gz';

describe('downloading', () => {
  test('a file comes from its URL into the store under its sha256, and is found there afterwards', async () => {
    await using server = await startServer((_, response) => response.end(BYTES));
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/thing-1.0.tar.gz`);
    const fetched = await store.fetcher().fetch(source(file), never());

    const path = join(store.sourcesDir, file.sha256);
    expect(fetched).toEqual({ file, path, from: `${server.origin}/thing-1.0.tar.gz` });
    expect(await readFile(path, 'utf8')).toBe(BYTES);
    expect(await store.fetcher({ offline: true }).fetch(source(file), never())).toEqual({
      file,
      path,
      from: 'the store',
    });
    expect(await store.names()).toEqual({ sources: [file.sha256], tmp: [] });
    expect(store.reports).toEqual([`thing-1.0.tar.gz: from ${server.origin}/thing-1.0.tar.gz`]);
  });

  test('redirects are followed, relative ones too', async () => {
    await using server = await startServer((request, response) => {
      if (request.url === '/old') response.writeHead(301, { location: '/newer' }).end();
      else if (request.url === '/newer') response.writeHead(302, { location: 'files/newest' }).end();
      else response.end(BYTES);
    });
    await using store = await makeStore();
    const fetched = await store.fetcher().fetch(source(pinned(BYTES, `${server.origin}/old`)), never());
    expect(fetched.from).toBe(`${server.origin}/old`);
    expect(server.asked).toEqual(['/old', '/newer', '/files/newest']);
  });

  test('a redirect loop, and a redirect to plain http elsewhere, are failed locations', async () => {
    await using server = await startServer((request, response) => {
      const location = request.url === '/loop' ? '/loop' : 'http://layersmith.invalid/thing';
      response.writeHead(302, { location }).end();
    });
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/loop`, `${server.origin}/plain`);
    const error = await failure(store.fetcher().fetch(source(file), never()), SourceError);
    expect(error.details['tried']).toEqual([
      expect.stringContaining(`${server.origin}/loop: more than 10 redirects`),
      expect.stringContaining(`${server.origin}/plain: not requested`),
    ]);
  });

  test('bytes are kept as sent, also when the server declares a .tar.gz as a content encoding', async () => {
    const tarball = gzipSync(BYTES);
    await using server = await startServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(tarball);
    });
    await using store = await makeStore();
    const { path } = await store
      .fetcher()
      .fetch(source(pinned(tarball, `${server.origin}/x.tar.gz`)), never());
    expect(sha256(await readFile(path))).toBe(sha256(tarball));
  });

  test('wrong bytes are an integrity error with both digests; nothing is kept and no other location is asked', async () => {
    await using server = await startServer((_, response) => response.end('something else'));
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/wrong`, `${server.origin}/other`);

    const error = await failure(store.fetcher().fetch(source(file), never()), IntegrityError);

    expect(error).toMatchObject({
      exitCode: 76,
      details: { url: `${server.origin}/wrong`, expected: file.sha256, actual: sha256('something else') },
    });
    expect(error.message).toContain(`${server.origin}/wrong`);
    expect(server.asked).toEqual(['/wrong']);
    expect(await store.names()).toEqual({ sources: [], tmp: [] });
  });

  test('a connection that breaks midway is tried once more, and only once', async () => {
    let requests = 0;
    await using server = await startServer((request, response) => {
      requests += 1;
      response.writeHead(200, { 'content-length': BYTES.length });
      if (request.url === '/twice' || requests === 1) {
        response.write(BYTES.slice(0, 9));
        setTimeout(() => response.destroy(), 20);
      } else response.end(BYTES);
    });
    await using store = await makeStore();
    const once = pinned(BYTES, `${server.origin}/once`);
    expect((await store.fetcher().fetch(source(once), never())).from).toBe(`${server.origin}/once`);
    expect(server.asked).toEqual(['/once', '/once']);

    const twice = pinned('never whole', `${server.origin}/twice`);
    const error = await failure(store.fetcher().fetch(source(twice), never()), SourceError);
    expect(error.details['tried']).toEqual([
      expect.stringContaining(`${server.origin}/twice: the connection broke`),
    ]);
    expect(server.asked).toEqual(['/once', '/once', '/twice', '/twice']);
    expect(await store.names()).toEqual({ sources: [once.sha256], tmp: [] });
  });

  test('a chunked answer that is cut off is a failed download', async () => {
    await using server = await startServer((_, response) => {
      response.write('half');
      setTimeout(() => response.destroy(), 20);
    });
    await using store = await makeStore();
    const file = pinned('half', `${server.origin}/cut`);
    await failure(store.fetcher().fetch(source(file), never()), SourceError);
    expect(await store.names()).toEqual({ sources: [], tmp: [] });
  });

  test('a server that stops sending, or never answers, is given up after its timeout, and not asked twice', async () => {
    await using server = await startServer((request, response) => {
      if (request.url === '/stalls') response.write('the beginning');
    });
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/stalls`, `${server.origin}/silent`);
    const fetcher = store.fetcher({ timeouts: { answerMs: 150, stallMs: 100 } });
    const error = await failure(fetcher.fetch(source(file), never()), SourceError);
    expect(error.details['tried']).toEqual([
      expect.stringMatching(`^${server.origin}/stalls: no data .*\\b0\\.1 s$`),
      expect.stringMatching(`^${server.origin}/silent: .*no answer .*\\b0\\.15 s$`),
    ]);
    expect(server.asked).toEqual(['/stalls', '/silent']);
    expect(await store.names()).toEqual({ sources: [], tmp: [] });
  });

  test('the first alternative that one of its URLs has is used', async () => {
    await using server = await startServer((request, response) => {
      if (request.url === '/second') response.end('second');
      else response.writeHead(404).end();
    });
    await using store = await makeStore();
    const first = pinned('first', `${server.origin}/first`, `${server.origin}/first-mirror`);
    const second = pinned('second', `${server.origin}/second`);
    const fetched = await store.fetcher().fetch(source(first, second), never());
    expect(fetched).toMatchObject({ file: second, from: `${server.origin}/second` });
    expect(server.asked).toEqual(['/first', '/first-mirror', '/second']);
  });
});

describe('when no location has it', () => {
  test('every location that was tried is listed with its reason, and the hint says what to do', async () => {
    await using server = await startServer((_, response) => response.writeHead(404).end());
    await using store = await makeStore();
    const archive: SourceProvider = {
      name: 'an archive',
      find: (file) =>
        Promise.resolve({ attempts: [{ place: 'an archive', reason: `nothing for ${file.name}` }] }),
    };
    const dead = await deadOrigin();
    const file = pinned(
      BYTES,
      NOWHERE,
      `${dead}/a`,
      `${server.origin}/gone`,
      'http://layersmith.invalid/plain',
    );
    const other = { ...pinned('repacked'), name: 'thing_1.0.orig.tar.gz' };

    const error = await failure(
      store.fetcher({ archives: [archive] }).fetch(source(file, other), never()),
      SourceError,
    );

    expect(error).toMatchObject({
      exitCode: 75,
      message: expect.stringMatching(/^thing .* 6 locations/) as string,
      details: {
        wanted: [`thing-1.0.tar.gz, sha256 ${file.sha256}`, `thing_1.0.orig.tar.gz, sha256 ${other.sha256}`],
        tried: [
          expect.stringContaining(`${NOWHERE}: the host name`),
          expect.stringContaining(`${dead}/a: the connection is refused`),
          expect.stringContaining(`${server.origin}/gone: HTTP 404`),
          expect.stringContaining('http://layersmith.invalid/plain: not requested'),
          'an archive: nothing for thing-1.0.tar.gz',
          'an archive: nothing for thing_1.0.orig.tar.gz',
        ],
      },
    });
    expect(error.hint).toContain('--sources DIR');
    expect(error.hint).toContain(file.sha256);
    expect(error.hint).toContain(other.sha256);
    expect(server.asked).toEqual(['/gone']);
  });

  test('a host that cannot be reached is not asked again in the same run', async () => {
    await using store = await makeStore();
    const fetcher = store.fetcher();
    const dead = await deadOrigin();
    const host = dead.slice('http://'.length);
    await failure(fetcher.fetch(source(pinned('one', `${dead}/one`)), never()), SourceError);
    // A server listens now, and must not be asked.
    await using server = await startServer((_, response) => response.end('two'));
    const error = await failure(fetcher.fetch(source(pinned('two', `${dead}/two`)), never()), SourceError);
    expect(error.details['tried']).toEqual([expect.stringMatching(`^${dead}/two: skipped .*\\(${host}: `)]);
    // Another port is another server.
    await fetcher.fetch(source(pinned('two', `${server.origin}/two`)), never());
  });

  test('a source without a location is an error that says so', async () => {
    await using store = await makeStore();
    const error = await failure(store.fetcher().fetch(source(pinned(BYTES)), never()), SourceError);
    expect(error.exitCode).toBe(75);
    expect(error.message).toMatch(/^thing .*lists no location/);
  });
});

describe('--sources DIR', () => {
  test('a file is found by its sha256 under any name, and copied into the store', async () => {
    await using store = await makeStore();
    const extraDir = join(store.root, 'mine');
    await mkdir(join(extraDir, 'a folder'), { recursive: true });
    await writeFile(join(extraDir, 'another.txt'), 'another');
    await writeFile(join(extraDir, 'renamed by me'), BYTES);
    const file = pinned(BYTES, NOWHERE);

    const fetched = await store.fetcher({ extraDir, offline: true }).fetch(source(file), never());

    expect(fetched).toEqual({
      file,
      path: join(store.sourcesDir, file.sha256),
      from: `--sources ${extraDir}`,
    });
    expect(await readFile(fetched.path, 'utf8')).toBe(BYTES);
    expect(await readFile(join(extraDir, 'renamed by me'), 'utf8')).toBe(BYTES);
    expect(await store.names()).toEqual({ sources: [file.sha256], tmp: [] });
  });

  test('a file of the right name with other bytes is not used, and the error shows its sha256', async () => {
    await using store = await makeStore();
    const extraDir = join(store.root, 'mine');
    await mkdir(extraDir);
    await writeFile(join(extraDir, 'thing-1.0.tar.gz'), 'other bytes');
    const fetcher = store.fetcher({ extraDir, offline: true });
    const error = await failure(fetcher.fetch(source(pinned(BYTES)), never()), SourceError);
    expect(error.details['tried']).toEqual([
      expect.stringMatching(`^--sources ${extraDir}: thing-1.0.tar.gz .*${sha256('other bytes')}$`),
    ]);
  });

  test('a later alternative in the folder has precedence over an earlier one on the network', async () => {
    await using server = await startServer((_, response) => response.end(BYTES));
    await using store = await makeStore();
    const extraDir = join(store.root, 'mine');
    await mkdir(extraDir);
    await writeFile(join(extraDir, 'x'), 'repacked');
    const fetcher = store.fetcher({ extraDir });
    const fetched = await fetcher.fetch(
      source(pinned(BYTES, `${server.origin}/x`), pinned('repacked')),
      never(),
    );
    expect(fetched.file.sha256).toBe(sha256('repacked'));
    expect(server.asked).toEqual([]);
  });
});

test('--offline uses no network and names the missing file', async () => {
  await using server = await startServer((_, response) => response.end(BYTES));
  await using store = await makeStore();
  const asked: string[] = [];
  const archive: SourceProvider = {
    name: 'an archive',
    find: (file) => {
      asked.push(file.name);
      return Promise.resolve({ attempts: [] });
    },
  };
  const file = pinned(BYTES, `${server.origin}/x`);
  const error = await failure(
    store.fetcher({ offline: true, archives: [archive] }).fetch(source(file), never()),
    SourceError,
  );
  expect(error).toMatchObject({
    exitCode: 75,
    message: expect.stringMatching(/^thing .*--offline/) as string,
    details: { wanted: [`thing-1.0.tar.gz, sha256 ${file.sha256}`] },
  });
  expect(error.hint).toContain('--sources DIR');
  expect([...server.asked, ...asked]).toEqual([]);
});

test('a damaged file in the store is removed, reported and fetched again', async () => {
  await using server = await startServer((_, response) => response.end(BYTES));
  await using store = await makeStore();
  const file = pinned(BYTES, `${server.origin}/x`);
  const path = join(store.sourcesDir, file.sha256);
  await writeFile(path, BYTES.slice(1));

  await failure(store.fetcher({ offline: true }).fetch(source(file), never()), SourceError);
  expect(store.reports).toEqual([
    expect.stringMatching(`^${path} is damaged .*${sha256(BYTES.slice(1))}.*removed$`),
  ]);
  expect(await store.names()).toEqual({ sources: [], tmp: [] });

  await writeFile(path, BYTES.slice(1));
  expect((await store.fetcher().fetch(source(file), never())).from).toBe(`${server.origin}/x`);
  expect(await readFile(path, 'utf8')).toBe(BYTES);
});

test('a file that no URL has is fetched from an archive', async () => {
  await using store = await makeStore();
  const from = 'an archive (thing 1.0-1)';
  const archive: SourceProvider = {
    name: 'an archive',
    find: async (file, { files }) => {
      const kept = await files.keep(
        (async function* () {
          yield await Promise.resolve(Buffer.from(BYTES));
        })(),
        file.sha256,
      );
      return kept.kept ? { path: kept.path, from } : { attempts: [] };
    },
  };
  const file = pinned(BYTES, NOWHERE);
  const fetched = await store.fetcher({ archives: [archive] }).fetch(source(file), never());
  expect(fetched).toMatchObject({ from, path: join(store.sourcesDir, file.sha256) });
  expect(await store.names()).toEqual({ sources: [file.sha256], tmp: [] });
});

describe('several at once', () => {
  test('two fetches of the same file share one download', async () => {
    await using server = await startServer((_, response) => setTimeout(() => response.end(BYTES), 50));
    await using store = await makeStore();
    const fetcher = store.fetcher();
    const file = pinned(BYTES, `${server.origin}/x`);
    const [one, two] = await Promise.all([
      fetcher.fetch(source(file), never()),
      fetcher.fetch({ name: 'another recipe', alternatives: [file] }, never()),
    ]);
    expect(one).toEqual(two);
    expect(server.asked).toEqual(['/x']);
  });

  test('at most four transfers run at a time', async () => {
    let running = 0;
    let most = 0;
    await using server = await startServer((request, response) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        response.end(request.url);
      }, 30);
    });
    await using store = await makeStore();
    const fetcher = store.fetcher();
    const paths = Array.from({ length: 12 }, (_, i) => `/${i}`);
    await Promise.all(
      paths.map((path) => fetcher.fetch(source(pinned(path, `${server.origin}${path}`)), never())),
    );
    expect(most).toBe(4);
    expect((await store.names()).sources).toHaveLength(12);
  });

  test('aborting one fetch leaves the shared download to the other', async () => {
    await using server = await startServer((_, response) => setTimeout(() => response.end(BYTES), 100));
    await using store = await makeStore();
    const fetcher = store.fetcher();
    const file = pinned(BYTES, `${server.origin}/x`);
    const controller = new AbortController();
    const aborted = failure(fetcher.fetch(source(file), controller.signal), InterruptedError);
    const other = fetcher.fetch(source(file), never());
    await sleep(20);
    controller.abort(new InterruptedError('SIGINT'));
    expect(await aborted).toBeInstanceOf(InterruptedError);
    expect((await other).from).toBe(`${server.origin}/x`);
    expect(server.asked).toEqual(['/x']);
  });
});

describe('an abort', () => {
  test('in the middle of a download rejects with its reason and leaves nothing behind', async () => {
    await using server = await startServer((_, response) => response.write('the beginning'));
    await using store = await makeStore();
    const controller = new AbortController();
    const reason = new InterruptedError('SIGTERM');
    const fetching = failure(
      store.fetcher().fetch(source(pinned(BYTES, `${server.origin}/x`)), controller.signal),
      InterruptedError,
    );
    while ((await store.names()).tmp.length === 0) await sleep(5);
    controller.abort(reason);
    expect(await fetching).toBe(reason);
    expect(await store.names()).toEqual({ sources: [], tmp: [] });
  });

  test('before the headers, or before anything, rejects with its reason', async () => {
    await using server = await startServer(() => undefined);
    await using store = await makeStore();
    const controller = new AbortController();
    const reason = new InterruptedError('SIGINT');
    const file = pinned(BYTES, `${server.origin}/x`);
    const fetching = failure(store.fetcher().fetch(source(file), controller.signal), InterruptedError);
    while (server.asked.length === 0) await sleep(5);
    controller.abort(reason);
    expect(await fetching).toBe(reason);
    expect(await failure(store.fetcher().fetch(source(file), controller.signal), InterruptedError)).toBe(
      reason,
    );
    expect(await store.names()).toEqual({ sources: [], tmp: [] });
  });

  test('also rejects fetches that wait for their turn', async () => {
    await using server = await startServer(() => undefined);
    await using store = await makeStore();
    const fetcher = store.fetcher();
    const controller = new AbortController();
    const reason = new InterruptedError('SIGINT');
    const all = Array.from({ length: 8 }, (_, i) =>
      failure(
        fetcher.fetch(source(pinned(`${i}`, `${server.origin}/${i}`)), controller.signal),
        InterruptedError,
      ),
    );
    while (server.asked.length < 4) await sleep(5);
    controller.abort(reason);
    expect(new Set(await Promise.all(all))).toEqual(new Set([reason]));
    expect(server.asked).toHaveLength(4);
  });
});

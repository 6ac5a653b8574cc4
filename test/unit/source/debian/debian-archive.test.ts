/** @module-tag system */

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256, sha256OfFile, type Sha256 } from '../../../../src/core/digest.js';
import { IntegrityError, InterruptedError } from '../../../../src/core/errors.js';
import type { PinnedFile } from '../../../../src/recipe/source.js';
import {
  createDebianArchive,
  type DebianArchiveOptions,
} from '../../../../src/source/debian/debian-archive.js';
import { createSourceFiles, type SourceFiles } from '../../../../src/source/source-files.js';
import type { FailedAttempt, SourceProvider } from '../../../../src/source/source-provider.js';
import { hostMirrors, namedMirror, type DebianMirror } from '../../../../src/source/debian/debian-mirror.js';
import { failure } from '../../../support/failure.js';
import { deadOrigin, never, startServer, type TestServer } from '../source-support.js';

/*
 * These tests run on the real archive: the mirror that this machine's apt uses, or LAYERSMITH_DEBIAN_MIRROR.
 * Where something has to go wrong, a server on loopback stands before it that passes the rest through.
 */

const LUA: PinnedFile = {
  name: 'lua-5.4.7.tar.gz',
  sha256: '9fbf5e28ef86c69858f6d3d34eccc32e911c1a28b4120ff3e84aaa70cfbf1e30' as Sha256,
  urls: [],
};
/** One tarball under two names: 2.9.14+dfsg in bookworm, 2.12.7+dfsg+really2.9.14 in trixie. */
const LIBXML2: PinnedFile = {
  name: 'libxml2-2.9.14.tar.xz',
  sha256: '4fe913dec8b1ab89d13b489b419a8203176ea39e931eaa0d25b17eafb9c279e9' as Sha256,
  urls: [],
};
const UNKNOWN: PinnedFile = { name: 'unknown-1.0.tar.gz', sha256: 'a'.repeat(64) as Sha256, urls: [] };

const HOUR_MS = 60 * 60 * 1000;

/** What a mirror on loopback answers itself; false passes the request on to the real one. */
type Answer = (path: string, response: http.ServerResponse) => boolean;

let folder = '';
let mirror: DebianMirror;
/** A mirror whose indexes are fetched once for several tests, each of which says what it answers. */
let shared: { readonly server: TestServer; readonly cacheDir: string; answer: Answer };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layersmith-debian-'));
  const named = process.env['LAYERSMITH_DEBIAN_MIRROR'];
  const found = named === undefined ? (await hostMirrors('/etc/apt'))[0] : namedMirror(named);
  if (found === undefined) {
    throw new Error("these tests need Debian's archive: run them on Debian, or set LAYERSMITH_DEBIAN_MIRROR");
  }
  mirror = found;
  const server = await startMirror((path, response) => shared.answer(path, response));
  shared = { server, cacheDir: await newFolder(), answer: () => false };
  await find(openShared(), LUA);
}, 180_000);

afterAll(async () => {
  await shared.server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const path = join(folder, randomBytes(6).toString('hex'));
  await mkdir(path);
  return path;
}

async function find(
  archive: SourceProvider,
  file: PinnedFile,
): Promise<{ from: string; digest: Sha256 } | { attempts: readonly FailedAttempt[] }> {
  const found = await archive.find(file, { files: await newFiles(), signal: never() });
  if ('attempts' in found) return found;
  return { from: found.from, digest: await sha256OfFile(found.path) };
}

/** An empty store. */
async function newFiles(): Promise<SourceFiles> {
  const root = await newFolder();
  return createSourceFiles({
    sourcesDir: join(root, 'sources'),
    tmpDir: join(root, 'tmp'),
    report: () => undefined,
  });
}

/** A mirror on loopback that passes on what `answer` does not answer itself. */
async function startMirror(answer: Answer = () => false): Promise<TestServer> {
  return startServer((request, response) => {
    const path = request.url ?? '';
    if (answer(path, response)) return;
    const [, archive, rest] = /^\/(debian|debian-security)\/(.*)$/.exec(path) ?? [];
    const base = archive === 'debian' ? mirror.archive : mirror.security;
    if (base === undefined || rest === undefined) {
      response.writeHead(404).end();
      return;
    }
    fetch(`${base.replace(/\/+$/, '')}/${rest}`, { headers: { 'accept-encoding': 'identity' } })
      .then(async (theirs) => {
        response.writeHead(theirs.status);
        for await (const chunk of theirs.body ?? []) response.write(chunk);
        response.end();
      })
      .catch(() => response.destroy());
  });
}

function notFound(response: http.ServerResponse): true {
  response.writeHead(404).end();
  return true;
}

/** The archive behind the shared mirror, in a run of its own. */
function openShared(answer: Answer = () => false, now = Date.now): SourceProvider {
  shared.answer = answer;
  return createDebianArchive({
    cacheDir: shared.cacheDir,
    mirror: `${shared.server.origin}/debian`,
    now,
  });
}

function open(cacheDir: string, options: Partial<DebianArchiveOptions> = {}): SourceProvider {
  return createDebianArchive({ cacheDir, ...options });
}

const refreshes = (server: TestServer): number =>
  server.asked.filter(
    (path) =>
      path === '/debian/dists/trixie/main/source/Sources.xz' || path.includes('/trixie/main/source/by-hash/'),
  ).length;

describe("Debian's archive", { timeout: 180_000 }, () => {
  test('a pinned tarball is found by its sha256 alone, through the apt of this machine', async () => {
    const archive = open(await newFolder(), { mirror: process.env['LAYERSMITH_DEBIAN_MIRROR'] });
    expect(await find(archive, LUA)).toEqual({
      from: expect.stringMatching(/^Debian's archive \(trixie, lua5\.4 5\.4\.7-\S+\)$/) as string,
      digest: LUA.sha256,
    });
  });

  test('a file that changes between apt and the store is an integrity error', async () => {
    const files = await newFiles();
    const changed: SourceFiles = {
      ...files,
      keep: () => Promise.resolve({ kept: false, actual: UNKNOWN.sha256 }),
    };
    const error = await failure(openShared().find(LUA, { files: changed, signal: never() }), IntegrityError);
    expect(error).toMatchObject({ details: { expected: LUA.sha256, actual: UNKNOWN.sha256 } });
  });

  test('indexes are cached for an hour across runs, and fetched again when a file is not in them', async () => {
    await using server = await startMirror();
    const cacheDir = await newFolder();
    const start = Date.now();
    const at = (ms: number): SourceProvider =>
      open(cacheDir, { mirror: `${server.origin}/debian`, now: () => start + ms });

    await Promise.all([find(at(0), LUA), find(at(0), UNKNOWN)]);
    const atFirst = refreshes(server);
    expect([1, 2]).toContain(atFirst);
    expect(await find(at(0.9 * HOUR_MS), LUA)).toMatchObject({ digest: LUA.sha256 });
    expect(await find(at(60_000), UNKNOWN)).toMatchObject({ attempts: [{ place: "Debian's archive" }] });
    expect(refreshes(server)).toBe(atFirst);

    await find(at(0.5 * HOUR_MS), UNKNOWN);
    expect(refreshes(server)).toBe(atFirst + 1);
    await find(at(4 * HOUR_MS), LUA);
    expect(refreshes(server)).toBe(atFirst + 2);

    // What nobody can still be using is removed.
    const [home = ''] = await readdir(cacheDir);
    expect(await readdir(join(cacheDir, home))).toHaveLength(1);
  });

  test('a suite that is missing on the mirror does not stop the others, and is named when a file is not found', async () => {
    await using server = await startMirror((path, response) =>
      /\/dists\/(bullseye|bookworm-security)\//.test(path) ? notFound(response) : false,
    );
    const archive = open(await newFolder(), { mirror: `${server.origin}/debian` });
    expect(await find(archive, LUA)).toMatchObject({ digest: LUA.sha256 });
    const result = await find(archive, UNKNOWN);
    const reason = 'attempts' in result ? result.attempts[0]?.reason : undefined;
    expect(reason).toMatch(/^no source package in bookworm, trixie, bullseye-security, trixie-security /);
    expect(reason).toMatch(/not searched: bullseye: .*does not have a Release file/);
    expect(reason).toMatch(/bookworm-security: .*does not have a Release file/);
    expect(reason).not.toContain('127.0.0.1');
  });

  test('for a listed revision that is missing, the next one with the same tarball is used', async () => {
    const archive = openShared((path, response) =>
      path.includes('/pool/') && path.includes('really2.9.14') ? notFound(response) : false,
    );
    expect(await find(archive, LIBXML2)).toEqual({
      from: expect.stringMatching(/^Debian's archive \(bookworm\S*, libxml2 2\.9\.14\+dfsg-\S+\)$/) as string,
      digest: LIBXML2.sha256,
    });
    expect(shared.server.asked.some((path) => path.includes('really2.9.14'))).toBe(true);
  });

  test('when no revision can be downloaded, each is listed with the reason, without the address of the mirror', async () => {
    const archive = openShared((path, response) => path.includes('/pool/') && notFound(response));
    const result = await find(archive, LUA);
    const [first, ...pool] = 'attempts' in result ? result.attempts : [];
    expect(first?.place).toMatch(/^Debian's archive \(trixie, lua5\.4 5\.4\.7-\S+\)$/);
    expect(first?.reason).toMatch(/^Failed to fetch pool\/main\/l\/lua5\.4\/\S+ 404 Not Found$/);
    expect(pool.map(({ place }) => place)).toContain(
      "Debian's archive (pool/main/l/lua5.4/lua5.4_5.4.7.orig.tar.gz)",
    );
    expect(JSON.stringify(result)).not.toContain('127.0.0.1');
  });

  test('a tarball whose revision has been replaced is downloaded from the pool', async () => {
    const bytes = randomBytes(1000);
    const path = 'pool/main/l/lua5.4/lua5.4_5.4.99.orig.tar.xz';
    const archive = openShared((asked, response) => {
      if (asked !== `/debian/${path}`) return false;
      response.end(bytes);
      return true;
    });
    const file = { name: 'lua-5.4.99.tar.xz', sha256: sha256(bytes), urls: [] };
    expect(await find(archive, file)).toEqual({ from: `Debian's archive (${path})`, digest: file.sha256 });

    const result = await find(archive, { ...file, sha256: UNKNOWN.sha256 });
    const attempts = 'attempts' in result ? result.attempts : [];
    expect(attempts.find(({ place }) => place.includes(path))?.reason).toContain('Hash Sum mismatch');
  });

  test('a tarball in no index is downloaded from the path that its recipe names, of either archive, with one request', async () => {
    const bytes = randomBytes(1000);
    const paths = {
      debian: 'pool/main/o/older/older_1.0.orig.tar.xz',
      'debian-security': 'pool/updates/main/o/older/older_1.1.orig.tar.xz',
    };
    for (const [base, path] of Object.entries(paths)) {
      const archive = openShared((asked, response) => {
        if (asked !== `/${base}/${path}`) return false;
        response.end(bytes);
        return true;
      });
      const asked = shared.server.asked.length;
      const file = { name: 'php-1.0.tar.xz', sha256: sha256(bytes), urls: [], debian: path };
      expect(await find(archive, file)).toEqual({ from: `Debian's archive (${path})`, digest: file.sha256 });
      const pool = shared.server.asked.slice(asked).filter((each) => each.includes('/pool/'));
      expect(pool).toEqual([`/${base}/${path}`]);
    }
  });

  test('an abort while apt runs ends apt and removes its downloads', async () => {
    await using server = await startMirror((path) => path.includes('/trixie/main/source/'));
    const cacheDir = await newFolder();
    const controller = new AbortController();
    const reason = new InterruptedError('SIGINT');
    const archive = open(cacheDir, { mirror: `${server.origin}/debian` });
    const finding = failure(
      archive.find(LUA, { files: await newFiles(), signal: controller.signal }),
      InterruptedError,
    );
    while (refreshes(server) === 0) await sleep(20);
    controller.abort(reason);
    expect(await finding).toBe(reason);
    const [home = ''] = await readdir(cacheDir);
    expect(await readdir(join(cacheDir, home))).toEqual([]);
    expect(await processesWith(cacheDir)).toEqual([]);
  });

  test('a mirror that cannot be reached is tried once in a run', async () => {
    const archive = open(await newFolder(), { mirror: `${await deadOrigin()}/debian` });
    const first = await find(archive, LUA);
    const reason = 'attempts' in first ? first.attempts[0]?.reason : undefined;
    expect(reason).toMatch(/^no suite's index .*\(bullseye, bookworm, trixie: .*Connection refused/);
    expect(reason).not.toContain('127.0.0.1');
    expect(await find(archive, LUA)).toEqual(first);
  });

  test('old indexes are used if new ones cannot be downloaded', async () => {
    const archive = openShared(
      (path, response) => path.includes('/dists/') && notFound(response),
      () => Date.now() + 2 * HOUR_MS,
    );
    expect(await find(archive, LUA)).toMatchObject({ digest: LUA.sha256 });
  });

  test('without a Debian entry, its keys or a valid mirror URL, the archive is not used and the reason is given', async () => {
    const reasonOf = async (options: Partial<DebianArchiveOptions>): Promise<string | undefined> => {
      const result = await find(open(await newFolder(), options), LUA);
      return 'attempts' in result ? result.attempts[0]?.reason : undefined;
    };
    expect(await reasonOf({ aptDir: await newFolder() })).toContain('LAYERSMITH_DEBIAN_MIRROR');
    expect(await reasonOf({ mirror: 'not a mirror' })).toContain('LAYERSMITH_DEBIAN_MIRROR');
    expect(await reasonOf({ mirror: 'http://m.example/debian', keyrings: [] })).toContain(
      'debian-archive-keyring',
    );
  });
});

/** The command lines of processes that have to do with a folder. */
async function processesWith(path: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(path));
}

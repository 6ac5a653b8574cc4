import { expect, test } from 'vitest';
import { IntegrityError, SourceError } from '../../../../src/core/errors.js';
import { sha256 } from '../../../../src/core/digest.js';
import type { DebianMirror } from '../../../../src/source/debian/debian-mirror.js';
import { createDebianPool } from '../../../../src/source/debian/debian-pool.js';
import type { SourceProvider } from '../../../../src/source/source-provider.js';
import { failure } from '../../../support/failure.js';
import { makeStore, never, source, startServer } from '../source-support.js';

const BYTES = 'patches of Debian';
const MAIN = 'pool/main/l/lib/lib_1~deb12u1.debian.tar.xz';
const SECURITY = 'pool/updates/main/l/lib/lib_1~deb12u2.debian.tar.xz';

const pinnedAt = (debian: string | undefined, bytes = BYTES) =>
  source({ name: 'lib.debian.tar.xz', sha256: sha256(bytes), urls: [], debian });

function poolOf(...mirrors: readonly DebianMirror[]): SourceProvider {
  const timeouts = { answerMs: 5000, stallMs: 5000 };
  return createDebianPool({ mirrors: () => Promise.resolve(mirrors), proxies: {}, timeouts });
}

test('a file is downloaded from its place in the pool of the first mirror that has it', async () => {
  await using server = await startServer((request, response) => {
    response.statusCode = request.url?.startsWith('/b/') === true ? 200 : 404;
    response.end(response.statusCode === 200 ? BYTES : '');
  });
  await using store = await makeStore();
  const mirror = (name: string): DebianMirror => ({
    archive: `${server.origin}/${name}`,
    security: undefined,
  });
  const fetcher = store.fetcher({ archives: [poolOf(mirror('a'), mirror('b'))] });
  expect((await fetcher.fetch(pinnedAt(MAIN), never())).from).toBe(`${server.origin}/b/${MAIN}`);
  expect(server.asked).toEqual([`/a/${MAIN}`, `/b/${MAIN}`]);
});

test('one of the security archive is downloaded from there, if the mirror has one', async () => {
  await using server = await startServer((_request, response) => response.end(BYTES));
  await using store = await makeStore();
  const archive = `${server.origin}/debian`;
  const without = store.fetcher({ archives: [poolOf({ archive, security: undefined })] });
  await failure(without.fetch(pinnedAt(SECURITY), never()), SourceError);
  expect(server.asked).toEqual([]);
  const fetcher = store.fetcher({ archives: [poolOf({ archive, security: `${archive}-security` })] });
  await fetcher.fetch(pinnedAt(SECURITY), never());
  expect(server.asked).toEqual([`/debian-security/${SECURITY}`]);
});

test('wrong bytes are refused, and nothing is asked for a file without a place', async () => {
  await using server = await startServer((_request, response) => response.end(BYTES));
  await using store = await makeStore();
  const fetcher = store.fetcher({ archives: [poolOf({ archive: server.origin, security: undefined })] });
  await failure(fetcher.fetch(pinnedAt(undefined), never()), SourceError);
  expect(server.asked).toEqual([]);
  await failure(fetcher.fetch(pinnedAt(MAIN, 'other'), never()), IntegrityError);
});

import { readFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { InterruptedError, SourceError, UsageError } from '../../../src/core/errors.js';
import { failure } from '../../support/failure.js';
import { startProxy } from '../../support/proxy.js';
import { deadOrigin, makeStore, never, pinned, source, startServer } from './source-support.js';

const BYTES = 'the bytes of a tarball, as pinned';
const PASSWORD = 'c0rrect-horse';

const tls = new URL('../../support/tls/', import.meta.url);
const ca = await readFile(new URL('cert.pem', tls), 'utf8');
const key = await readFile(new URL('key.pem', tls), 'utf8');

/** A server at `https://localhost:PORT`, whose certificate is `ca`. */
async function startTlsServer(): Promise<
  AsyncDisposable & { readonly origin: string; readonly host: string }
> {
  const server = https.createServer({ key, cert: ca }, (_, response) => response.end(BYTES));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `https://${host}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a proxy of the environment', () => {
  test('is asked to connect to an https server, with its credentials', async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy();
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/x.tar.gz`);
    const fetcher = store.fetcher({ ca, proxies: { https: `http://me:${PASSWORD}@${proxy.host}` } });

    expect((await fetcher.fetch(source(file), never())).from).toBe(`${server.origin}/x.tar.gz`);

    expect(proxy.asked).toEqual([{ request: `CONNECT ${server.host}`, credentials: `me:${PASSWORD}` }]);
    expect(store.reports.join('\n')).not.toContain(PASSWORD);
  });

  test('is used for https too when only http_proxy is set, also without a scheme', async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy();
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/x`);
    await store.fetcher({ ca, proxies: { http: proxy.host } }).fetch(source(file), never());
    expect(proxy.asked.map(({ request }) => request)).toEqual([`CONNECT ${server.host}`]);
  });

  test('is asked for the whole URL of plain http, without CONNECT', async () => {
    await using server = await startServer((_, response) => response.end(BYTES));
    await using proxy = await startProxy();
    await using store = await makeStore();
    const url = `${server.origin}/x?y=z`;
    await store
      .fetcher({ proxies: { http: `http://${proxy.host}` } })
      .fetch(source(pinned(BYTES, url)), never());
    expect(proxy.asked.map(({ request }) => request)).toEqual([`GET ${url}`]);
    expect(server.asked).toEqual(['/x?y=z']);
  });

  test.each(['localhost', '.example.com, localhost', '*'])('is bypassed with no_proxy=%s', async (none) => {
    await using server = await startTlsServer();
    await using proxy = await startProxy();
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/x`);
    await store
      .fetcher({ ca, proxies: { https: `http://${proxy.host}`, none } })
      .fetch(source(file), never());
    expect(proxy.asked).toEqual([]);
  });

  test('is used for hosts that no_proxy does not name', async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy();
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/x`);
    const proxies = { https: `http://${proxy.host}`, none: 'example.com,localhost:1' };
    await store.fetcher({ ca, proxies }).fetch(source(file), never());
    expect(proxy.asked).toHaveLength(1);
  });
});

describe('a proxy that fails', () => {
  test.each([403, 407])(
    'and answers CONNECT with %i is named with that answer, not its password',
    async (status) => {
      await using server = await startTlsServer();
      await using proxy = await startProxy(status);
      await using store = await makeStore();
      const file = pinned(BYTES, `${server.origin}/x`);
      const fetcher = store.fetcher({ ca, proxies: { https: `http://me:${PASSWORD}@${proxy.host}` } });
      const error = await failure(fetcher.fetch(source(file), never()), SourceError);
      const [line] = error.details['tried'] ?? [];
      expect(line).toContain(`the proxy ${proxy.host}`);
      expect(line).toContain(`HTTP ${status}`);
      expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain(PASSWORD);
      expect(proxy.asked).toHaveLength(1);
    },
  );

  test('and refuses plain http is a failed location', async () => {
    await using server = await startServer((_, response) => response.end(BYTES));
    await using proxy = await startProxy(407);
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/x`);
    const fetcher = store.fetcher({ proxies: { http: `http://me:${PASSWORD}@${proxy.host}` } });
    const error = await failure(fetcher.fetch(source(file), never()), SourceError);
    expect(error.details['tried']).toEqual([expect.stringContaining('407')]);
    expect(JSON.stringify(error.details)).not.toContain(PASSWORD);
    expect(server.asked).toEqual([]);
  });

  test('and hangs up is tried once more, and then given up', { timeout: 15_000 }, async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy('hang-up');
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/x`);
    const fetcher = store.fetcher({ ca, proxies: { https: `http://${proxy.host}` } });
    const error = await failure(fetcher.fetch(source(file), never()), SourceError);
    expect(error.details['tried']).toEqual([
      expect.stringContaining(`the proxy ${proxy.host}: the connection broke`),
    ]);
    expect(proxy.asked).toHaveLength(2);
  });

  test('and never answers is given up after the time limit', { timeout: 15_000 }, async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy('silence');
    await using store = await makeStore();
    const file = pinned(BYTES, `${server.origin}/x`);
    const options = { ca, proxies: { https: `http://${proxy.host}` } };
    const fetcher = store.fetcher({ ...options, timeouts: { answerMs: 200, stallMs: 200 } });
    const error = await failure(fetcher.fetch(source(file), never()), SourceError);
    expect(error.details['tried']).toEqual([
      expect.stringContaining(`the proxy ${proxy.host}: connected, but`),
    ]);
  });

  test('and cannot be reached is not asked again in the same run', async () => {
    await using server = await startTlsServer();
    await using store = await makeStore();
    const dead = await deadOrigin();
    const fetcher = store.fetcher({ ca, proxies: { https: dead } });
    const lines: string[] = [];
    for (const name of ['one', 'two']) {
      const error = await failure(
        fetcher.fetch(source(pinned(name, `${server.origin}/${name}`)), never()),
        SourceError,
      );
      lines.push(...[error.details['tried'] ?? []].flat());
    }
    const host = new URL(dead).host;
    expect(lines).toEqual([
      expect.stringContaining(`${server.origin}/one: the proxy ${host}: `),
      expect.stringMatching(`^${server.origin}/two: skipped .*\\(the proxy ${host}: `),
    ]);
  });

  test('and never answers does not hold up an abort', { timeout: 15_000 }, async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy('silence');
    await using store = await makeStore();
    const controller = new AbortController();
    const reason = new InterruptedError('SIGINT');
    const options = { ca, proxies: { https: `http://${proxy.host}` } };
    const fetcher = store.fetcher({ ...options, timeouts: { answerMs: 60_000, stallMs: 60_000 } });
    const fetching = failure(
      fetcher.fetch(source(pinned(BYTES, `${server.origin}/x`)), controller.signal),
      InterruptedError,
    );
    while (proxy.asked.length === 0) await sleep(5);
    controller.abort(reason);
    expect(await fetching).toBe(reason);
    expect(await store.names()).toEqual({ sources: [], tmp: [] });
  });
});

test('an untrusted certificate is a failed location that says how to trust it', async () => {
  await using server = await startTlsServer();
  await using store = await makeStore();
  const fetching = store.fetcher().fetch(source(pinned(BYTES, `${server.origin}/x`)), never());
  const error = await failure(fetching, SourceError);
  expect(error.details['tried']).toEqual([expect.stringContaining('NODE_EXTRA_CA_CERTS')]);
});

test('an invalid proxy URL is a usage error that does not show it', async () => {
  await using store = await makeStore();
  const fetcher = store.fetcher({ proxies: { https: `gopher://me:${PASSWORD}@proxy` } });
  const error = await failure(
    fetcher.fetch(source(pinned(BYTES, 'https://layersmith.invalid/x')), never()),
    UsageError,
  );
  expect(error.message).toContain('https_proxy');
  expect(JSON.stringify([error.message, error.hint])).not.toContain(PASSWORD);
});

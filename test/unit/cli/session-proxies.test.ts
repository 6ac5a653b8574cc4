import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetcherFor, openStoreFor, proxiesOf } from '../../../src/cli/session.js';
import { plainReporter } from '../../../src/cli/plain-reporter.js';
import { sha256 } from '../../../src/core/digest.js';
import { fakeIo } from '../../support/fake-io.js';
import { startProxy } from '../../support/proxy.js';
import { startServer } from '../source/source-support.js';

test.each(['http_proxy', 'HTTP_PROXY'])('downloads go through %s of the environment', async (name) => {
  const folder = await mkdtemp(join(tmpdir(), 'layersmith-session-'));
  await using server = await startServer((_, response) => response.end('bytes'));
  await using proxy = await startProxy();
  try {
    const io = fakeIo(folder, { env: { [name]: `http://${proxy.host}` } });
    const store = await openStoreFor(io, undefined, plainReporter({ print: io.err, now: io.now }));
    const fetcher = fetcherFor(io, { sources: undefined, offline: false }, { store, report: io.err });
    const url = `${server.origin}/x`;
    const file = { name: 'x', sha256: sha256('bytes'), urls: [url] };
    await fetcher.fetch({ name: 'x', alternatives: [file] }, io.signal);
    expect(proxy.asked.map(({ request }) => request)).toEqual([`GET ${url}`]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an empty variable does not hide the one in upper case', () => {
  const env = { http_proxy: '', HTTP_PROXY: 'http://proxy.invalid:3128', https_proxy: '', NO_PROXY: '' };
  expect(proxiesOf(fakeIo('/nowhere', { env }))).toEqual({ http_proxy: 'http://proxy.invalid:3128' });
});

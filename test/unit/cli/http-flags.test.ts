import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventOfHttp, type HttpFlags } from '../../../src/cli/http-flags.js';
import { inWebMode } from '../../../src/cli/web-mode.js';
import { UsageError } from '../../../src/core/errors.js';
import type { LayerMode } from '../../../src/core/layer-mode.js';
import { MANIFEST_PATH, writeManifest } from '../../../src/layer/manifest.js';
import type { LocalFunction } from '../../../src/sandbox/local-function.js';
import { failure } from '../../support/failure.js';
import { fakeIo } from '../../support/fake-io.js';
import { manifestWith } from '../../support/manifest.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
  await folder.write({ 'form.txt': 'a=1\n' });
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

const NONE: HttpFlags = {
  event: undefined,
  http: undefined,
  header: [],
  data: undefined,
  eventFormat: 'url',
};

interface UrlEvent {
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly requestContext: { readonly http: { readonly method: string }; readonly requestId: string };
  readonly body?: string;
}

async function eventOf(flags: Partial<HttpFlags>, input = ''): Promise<UrlEvent> {
  const io = fakeIo(folder.path, { stdin: () => Readable.from([Buffer.from(input)]) });
  const made = await eventOfHttp(io, { ...NONE, ...flags });
  if (made === undefined) throw new Error('no event');
  const event = JSON.parse(Buffer.from(made.event).toString()) as UrlEvent;
  if (flags.eventFormat === undefined) expect(event.requestContext.requestId).toBe(made.requestId);
  return event;
}

test('a method and a path become a request, as to a function URL', async () => {
  const event = await eventOf({ http: 'delete /a%20b?x=1', header: ['X-A: b: c', 'X-Empty:'] });
  expect(event).toMatchObject({
    rawPath: '/a%20b',
    rawQueryString: 'x=1',
    headers: {
      host: 'localhost',
      accept: '*/*',
      'x-a': 'b: c',
      'x-empty': '',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
    },
    requestContext: { http: { method: 'DELETE' } },
  });
  expect(event.body).toBeUndefined();
});

test('without a method it is GET, and POST of a form with data', async () => {
  expect((await eventOf({ http: '/' })).requestContext.http.method).toBe('GET');
  const event = await eventOf({ http: '/', data: 'a=ü' });
  expect(event.requestContext.http.method).toBe('POST');
  expect(event.headers).toMatchObject({
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': '4',
  });
  expect(Buffer.from(event.body ?? '', 'base64').toString()).toBe('a=ü');
});

test('headers replace those that are added', async () => {
  const header = ['host: shop.example', 'content-type: text/plain', 'User-Agent: x'];
  const { headers, body } = await eventOf({ http: 'PUT /', data: '@form.txt', header });
  expect(headers).toMatchObject({ host: 'shop.example', 'content-type': 'text/plain', 'user-agent': 'x' });
  expect(body).toBe('a=1\n');
});

test('data may come from stdin, and a path may have letters of any script', async () => {
  const event = await eventOf(
    { http: '/ü?ß', data: '-', header: ['Content-Type: text/plain'] },
    'from stdin',
  );
  expect(event).toMatchObject({ rawPath: '/%C3%BC', rawQueryString: '%C3%9F', body: 'from stdin' });
});

test('other formats make other events', async () => {
  expect(await eventOf({ http: '/x', eventFormat: 'v1' })).toMatchObject({ httpMethod: 'GET', path: '/x' });
  expect(await eventOf({ http: '/x', eventFormat: 'alb' })).toHaveProperty('requestContext.elb');
});

test('without --http there is no event of a request', async () => {
  expect(await eventOfHttp(fakeIo(folder.path), NONE)).toBeUndefined();
});

test.each([
  ['a header without a request', { header: ['A: b'] }, '--header'],
  ['data without a request', { data: 'x' }, '--data'],
  ['a format without a request', { eventFormat: 'v1' as const }, '--event-format'],
  ['a request and an event', { http: '/', event: '{}' }, '--event'],
  ['a request without a path', { http: 'GET' }, "'GET' is not a method and a path"],
  ['a whole URL', { http: 'GET http://localhost/' }, 'is not a method and a path'],
  ['a path with a space', { http: 'GET /a b' }, 'is not a method and a path'],
  ['a header without a colon', { http: '/', header: ['A'] }, "'A' is not a header"],
  ['a header without a name', { http: '/', header: [': b'] }, "': b' is not a header"],
  ['a header of two lines', { http: '/', header: ['A: b\r\nC: d'] }, 'is not a header'],
  ['a file that does not exist', { http: '/', data: '@none' }, 'cannot read the data none (ENOENT)'],
  ['too much data', { http: '/', data: 'x'.repeat(5 * 1024 ** 2) }, 'RequestTooLargeException'],
])('%s is refused', async (_what, flags, message) => {
  const error = await failure(eventOfHttp(fakeIo(folder.path), { ...NONE, ...flags }), UsageError);
  expect(error.message).toContain(message);
});

test('PHP scripts run in web mode unless the function or a layer says otherwise, other handlers do not', async () => {
  const layerOf = async (mode: LayerMode): Promise<string> => {
    const path = join(folder.path, mode);
    await folder.write({
      [`${mode}/${MANIFEST_PATH}`]: writeManifest(manifestWith(mode === 'function' ? {} : { mode })),
    });
    return path;
  };
  const layers = [await layerOf('function'), join(folder.path, 'vendor.zip')];
  const modeOf = async (
    handler: string,
    given: Partial<LocalFunction> = {},
  ): Promise<Readonly<Record<string, string>>> => {
    const fn = { layers, functionPath: folder.path, handler, env: {}, memoryMb: 128, timeoutMs: 1000 };
    return (await inWebMode({ ...fn, onLog: () => undefined, ...given })).env;
  };
  expect(await modeOf('public/index.php', { env: { A: '1' } })).toEqual({ A: '1', LAYERSMITH_MODE: 'web' });
  const env = { LAYERSMITH_MODE: 'worker' };
  expect(await modeOf('public/index.php', { env })).toEqual(env);
  expect(await modeOf('public/index.php', { layers: [await layerOf('worker'), ...layers] })).toEqual({});
  expect(await modeOf('hello')).toEqual({});
});

import { describe, expect, test } from 'vitest';
import { EVENT_FORMATS, type EventFormat } from '../../../src/lambda/http-event.js';
import { HttpResponseError, parseHttpResponse, parsePrelude } from '../../../src/lambda/http-response.js';
import { HTTP_RESPONSE_TYPE, readHttpResponse } from '../../../src/lambda/http-response-stream.js';

function parse(value: unknown, format: EventFormat = 'url') {
  const { body, ...head } = parseHttpResponse(Buffer.from(JSON.stringify(value)), format);
  return { ...head, body: body.toString() };
}

function refusal(value: unknown, format: EventFormat = 'url'): string {
  try {
    parse(value, format);
  } catch (error) {
    expect(error).toBeInstanceOf(HttpResponseError);
    return (error as HttpResponseError).message;
  }
  throw new Error('it was accepted');
}

test('status, headers, cookies and body become a response', () => {
  const value = {
    statusCode: 201,
    headers: { 'Content-Type': 'text/html', 'X-Number': 7, 'X-Flag': true },
    cookies: ['a=1; HttpOnly', 'b=2'],
    body: '<p>ü',
    isBase64Encoded: false,
  };
  expect(parse(value)).toEqual({
    statusCode: 201,
    headers: [
      ['Content-Type', 'text/html'],
      ['X-Number', '7'],
      ['X-Flag', 'true'],
      ['Set-Cookie', 'a=1; HttpOnly'],
      ['Set-Cookie', 'b=2'],
    ],
    body: '<p>ü',
  });
});

test('a body in base64 is decoded', () => {
  const value = { statusCode: 200, body: '/wCA', isBase64Encoded: true };
  const { body } = parseHttpResponse(Buffer.from(JSON.stringify(value)), 'url');
  expect([...body]).toEqual([0xff, 0x00, 0x80]);
});

test('the content type is JSON if the function names none, and the body is empty', () => {
  for (const format of EVENT_FORMATS)
    expect(parse({ statusCode: '204', headers: null, body: null }, format)).toEqual({
      statusCode: 204,
      headers: [['Content-Type', 'application/json']],
      body: '',
    });
});

test.each([[{ hello: 'world' }], ['text'], [[1, 2]], [7], [null], [{ body: 'x' }]])(
  'in format 2.0, %j without a status is itself the body',
  (value) => {
    const headers = [['Content-Type', 'application/json']];
    for (const format of ['url', 'v2'] as const)
      expect(parse(value, format)).toEqual({ statusCode: 200, headers, body: JSON.stringify(value) });
    for (const format of ['v1', 'alb', 'alb-multi'] as const)
      expect(refusal(value, format)).toContain('is not an HTTP response');
  },
);

test('lists of values are for REST APIs and load balancers, cookies for format 2.0', () => {
  const value = {
    statusCode: 200,
    headers: { 'content-type': 'text/plain', 'x-one': 'a' },
    multiValueHeaders: { 'Set-Cookie': ['a=1', 'b=2'], 'X-One': ['b'] },
    cookies: ['c=3'],
  };
  expect(parse(value, 'v1').headers).toEqual([
    ['content-type', 'text/plain'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['X-One', 'b'],
  ]);
  expect(parse(value).headers).toEqual([
    ['content-type', 'text/plain'],
    ['x-one', 'a'],
    ['Set-Cookie', 'c=3'],
  ]);
  expect(parse(value, 'alb').headers).toEqual([
    ['content-type', 'text/plain'],
    ['x-one', 'a'],
  ]);
  expect(parse(value, 'alb-multi').headers).toEqual([
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['X-One', 'b'],
    ['Content-Type', 'application/json'],
  ]);
});

test('headers of the connection are left out', () => {
  const headers = { Connection: 'close', 'Transfer-Encoding': 'chunked', 'Content-Type': 'a/b' };
  expect(parse({ statusCode: 200, headers }).headers).toEqual([['Content-Type', 'a/b']]);
});

test.each([
  ['a status that is not one', { statusCode: 99 }, 'statusCode'],
  ['a status that is a word', { statusCode: 'fine' }, 'statusCode'],
  ['a body that is not text', { statusCode: 200, body: {} }, 'body'],
  ['a header that is a list', { statusCode: 200, headers: { a: ['b'] } }, 'headers.a'],
  ['a header with a line break', { statusCode: 200, headers: { a: 'b\r\nc: d' } }, '"a"'],
  ['a name that is not one', { statusCode: 200, headers: { 'a b': 'c' } }, '"a b"'],
  ['cookies that are not a list', { statusCode: 200, cookies: 'a=1' }, 'cookies'],
])('%s is refused', (_what, value, part) => {
  expect(refusal(value)).toContain(part);
});

test('a result that is not JSON is refused', () => {
  expect(() => parseHttpResponse(Buffer.from('plain'), 'url')).toThrow(HttpResponseError);
});

test('a prelude has 200 and bytes as defaults, and lists of values beside cookies', () => {
  expect(parsePrelude(Buffer.from('{}'))).toEqual({
    statusCode: 200,
    headers: [['Content-Type', 'application/octet-stream']],
  });
  const prelude = { statusCode: 404, multiValueHeaders: { 'content-type': ['a/b'] }, cookies: ['c=1'] };
  expect(parsePrelude(Buffer.from(JSON.stringify(prelude))).headers).toEqual([
    ['content-type', 'a/b'],
    ['Set-Cookie', 'c=1'],
  ]);
  expect(() => parsePrelude(Buffer.from('[]'))).toThrow(HttpResponseError);
});

describe('a streamed response', () => {
  async function read(chunks: readonly Buffer[], contentType: string | undefined = HTTP_RESPONSE_TYPE) {
    const seen: unknown[] = [];
    const reader = readHttpResponse({
      head: (head, bodyBytes) => seen.push([head.statusCode, head.headers, bodyBytes]),
      write: (bytes) => Promise.resolve(void seen.push(Buffer.from(bytes).toString('latin1'))),
    });
    reader.begin({ contentType });
    for (const chunk of chunks) await reader.write(chunk);
    return { seen, problem: reader.end() };
  }

  const whole = Buffer.concat([
    Buffer.from('{"statusCode":201,"headers":{"Content-Type":"a/b"}}'),
    Buffer.alloc(8),
    Buffer.from('one\0two'),
  ]);
  const head = [201, [['Content-Type', 'a/b']], undefined];

  test('is a prelude, 8 NUL bytes, and the body', async () => {
    expect(await read([whole])).toEqual({ seen: [head, 'one\0two'], problem: undefined });
  });

  test('may come in pieces of any size', async () => {
    const bytes = [...whole].map((byte) => Buffer.of(byte));
    const { seen, problem } = await read(bytes);
    expect(problem).toBeUndefined();
    expect([seen[0], seen.slice(1).join('')]).toEqual([head, 'one\0two']);
  });

  test('of another type is a body of this type', async () => {
    const headers = [['Content-Type', 'text/csv']];
    expect((await read([Buffer.from('a,b')], 'text/csv')).seen).toEqual([[200, headers, undefined], 'a,b']);
  });

  test('with an incomplete or invalid prelude has no head, and an error', async () => {
    for (const bytes of [
      '{"statusCode":200}\0\0\0',
      '',
      `{"statusCode":1}${'\0'.repeat(8)}body`,
      'x'.repeat(1024 ** 2 + 1),
    ]) {
      const { seen, problem } = await read([Buffer.from(bytes), Buffer.from('more')]);
      expect(seen).toEqual([]);
      expect(problem).toBeInstanceOf(HttpResponseError);
    }
  });
});

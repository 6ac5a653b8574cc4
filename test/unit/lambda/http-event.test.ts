import { describe, expect, test } from 'vitest';
import { EVENT_FORMATS, httpEvent, type EventFormat } from '../../../src/lambda/http-event.js';
import type { HttpRequest } from '../../../src/lambda/http-request.js';
import { ARRIVAL, httpRequest } from './http-request-support.js';

function eventOf(format: EventFormat, changes: Partial<HttpRequest> = {}): Record<string, unknown> {
  return JSON.parse(httpEvent(format, httpRequest(changes), ARRIVAL).toString()) as Record<string, unknown>;
}

const TRACE = 'Root=1-5e6a8dce-0123456789abcdef01234567';

/** A request with all that a format treats in its own way. */
const RICH: Partial<HttpRequest> = {
  method: 'POST',
  target: '/my%20path/%C3%BC?a%5B%5D=1&a%5B%5D=2&b=x+y&c=a,b&empty=&none',
  headers: [
    ['Host', 'shop.example:8443'],
    ['User-Agent', 'curl/8.0'],
    ['X-Twice', 'one'],
    ['X-Twice', 'two'],
    ['Cookie', 'c=1; d=2'],
    ['Cookie', 'e=3'],
    ['Connection', 'keep-alive'],
    ['Transfer-Encoding', 'chunked'],
    ['X-Amzn-Trace-Id', TRACE],
    ['X-Forwarded-For', '198.51.100.1'],
    ['X-Forwarded-Proto', 'gopher'],
    ['Content-Type', 'text/plain'],
  ],
  body: Buffer.from('für'),
};

test('a function URL sends payload format 2.0, with the encoded path and query', () => {
  expect(eventOf('url', RICH)).toEqual({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/my%20path/%C3%BC',
    rawQueryString: 'a%5B%5D=1&a%5B%5D=2&b=x+y&c=a,b&empty=&none',
    cookies: ['c=1', 'd=2', 'e=3'],
    headers: {
      host: 'shop.example:8443',
      'user-agent': 'curl/8.0',
      'x-twice': 'one,two',
      cookie: 'c=1; d=2; e=3',
      'content-type': 'text/plain',
      'x-amzn-trace-id': TRACE,
      'x-forwarded-for': '198.51.100.1, 192.0.2.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '8443',
    },
    queryStringParameters: { 'a[]': '1,2', b: 'x y', c: 'a,b', empty: '', none: '' },
    requestContext: {
      accountId: 'anonymous',
      apiId: 'layersmith',
      domainName: 'shop.example',
      domainPrefix: 'shop',
      http: {
        method: 'POST',
        path: '/my%20path/%C3%BC',
        protocol: 'HTTP/1.1',
        sourceIp: '192.0.2.7',
        userAgent: 'curl/8.0',
      },
      requestId: 'the-id',
      routeKey: '$default',
      stage: '$default',
      time: '12/Mar/2020:19:03:58 +0000',
      timeEpoch: 1_584_039_838_390,
    },
    body: 'für',
    isBase64Encoded: false,
  });
});

test('a request without query, cookies and body has none of them in format 2.0', () => {
  const event = eventOf('url');
  expect(Object.keys(event)).toEqual([
    'version',
    'routeKey',
    'rawPath',
    'rawQueryString',
    'headers',
    'requestContext',
    'isBase64Encoded',
  ]);
  expect(event).toMatchObject({ rawQueryString: '', isBase64Encoded: false });
  expect((event['headers'] as Record<string, string>)['x-amzn-trace-id']).toMatch(
    /^Root=1-5e6a879e-[0-9a-f]{24}$/,
  );
});

test('an HTTP API differs from a function URL in the account, and has cookies in their list alone', () => {
  const { headers, requestContext, ...url } = eventOf('url', RICH);
  const { cookie: _cookie, ...others } = headers as Record<string, string>;
  expect(eventOf('v2', RICH)).toEqual({
    ...url,
    headers: others,
    requestContext: { ...(requestContext as object), accountId: '123456789012' },
  });
});

test('a REST API decodes path and query, and keeps the case of names', () => {
  expect(eventOf('v1', RICH)).toMatchObject({
    resource: '/{proxy+}',
    path: '/my path/ü',
    httpMethod: 'POST',
    headers: { Host: 'shop.example:8443', 'X-Twice': 'two', Cookie: 'e=3', 'X-Forwarded-Proto': 'https' },
    multiValueHeaders: { Host: ['shop.example:8443'], 'X-Twice': ['one', 'two'] },
    queryStringParameters: { 'a[]': '2', b: 'x y', c: 'a,b', empty: '', none: '' },
    multiValueQueryStringParameters: { 'a[]': ['1', '2'], b: ['x y'], c: ['a,b'], empty: [''], none: [''] },
    pathParameters: { proxy: 'my path/ü' },
    stageVariables: null,
    requestContext: {
      domainName: 'shop.example',
      httpMethod: 'POST',
      identity: { sourceIp: '192.0.2.7', userAgent: 'curl/8.0' },
      path: '/local/my path/ü',
      protocol: 'HTTP/1.1',
      requestId: 'the-id',
      requestTime: '12/Mar/2020:19:03:58 +0000',
      requestTimeEpoch: 1_584_039_838_390,
      resourcePath: '/{proxy+}',
      stage: 'local',
    },
    body: 'für',
    isBase64Encoded: false,
  });
});

test('a REST API sends null for what a request does not have', () => {
  expect(eventOf('v1')).toMatchObject({
    resource: '/',
    path: '/',
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    body: null,
    isBase64Encoded: false,
  });
  expect(eventOf('v1')).not.toHaveProperty('version');
  expect(eventOf('v1', { target: '/100%' })).toMatchObject({ path: '/100%' });
});

test('a load balancer does not decode the query, and sends the last value of a name', () => {
  expect(eventOf('alb', RICH)).toEqual({
    requestContext: {
      elb: {
        targetGroupArn:
          'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/layersmith/0123456789abcdef',
      },
    },
    httpMethod: 'POST',
    path: '/my%20path/%C3%BC',
    queryStringParameters: { 'a%5B%5D': '2', b: 'x+y', c: 'a,b', empty: '', none: '' },
    headers: {
      host: 'shop.example:8443',
      'user-agent': 'curl/8.0',
      'x-twice': 'two',
      cookie: 'e=3',
      'content-type': 'text/plain',
      'x-amzn-trace-id': TRACE,
      'x-forwarded-for': '198.51.100.1, 192.0.2.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '8443',
    },
    body: 'für',
    isBase64Encoded: false,
  });
  expect(eventOf('alb')).toMatchObject({ queryStringParameters: {}, body: '', isBase64Encoded: false });
});

test('a load balancer with multi-value headers sends lists in place of values', () => {
  const event = eventOf('alb-multi', RICH);
  expect(event).not.toHaveProperty('headers');
  expect(event).not.toHaveProperty('queryStringParameters');
  expect(event).toMatchObject({
    multiValueQueryStringParameters: { 'a%5B%5D': ['1', '2'], b: ['x+y'], none: [''] },
    multiValueHeaders: {
      'x-twice': ['one', 'two'],
      cookie: ['c=1; d=2', 'e=3'],
      host: ['shop.example:8443'],
    },
  });
});

describe('the body', () => {
  const form = Buffer.from('a=1');
  const withType = (type: string, body = form): Partial<HttpRequest> => ({
    headers: [['Content-Type', type]],
    body,
  });

  test.each([
    ['text/html; charset=utf-8', false],
    ['Application/JSON', false],
    ['application/xml', false],
    ['application/javascript', false],
    ['application/x-www-form-urlencoded', true],
    ['multipart/form-data; boundary=x', true],
    ['application/octet-stream', true],
    ['', true],
  ])('of the type "%s" is in base64: %s', (type, isBase64Encoded) => {
    const body = isBase64Encoded ? form.toString('base64') : 'a=1';
    for (const format of ['url', 'v2', 'alb', 'alb-multi'] as const)
      expect(eventOf(format, withType(type))).toMatchObject({ body, isBase64Encoded });
  });

  test('is in base64 if it is encoded or not UTF-8, whatever its type', () => {
    const bytes = Buffer.from([0xff, 0x00, 0x80]);
    for (const format of EVENT_FORMATS)
      expect(eventOf(format, withType('text/plain', bytes))).toMatchObject({
        body: '/wCA',
        isBase64Encoded: true,
      });
    const gzipped = { ...withType('text/plain'), headers: [['Content-Encoding', 'gzip']] as const };
    expect(eventOf('url', gzipped)).toMatchObject({ isBase64Encoded: true });
  });

  test('of a form is text for a REST API', () => {
    expect(eventOf('v1', withType('application/x-www-form-urlencoded'))).toMatchObject({
      body: 'a=1',
      isBase64Encoded: false,
    });
  });
});

test('the port is that of the Host header, or that of the scheme', () => {
  const port = (changes: Partial<HttpRequest>): unknown =>
    (eventOf('url', changes)['headers'] as Record<string, string>)['x-forwarded-port'];
  expect(port({})).toBe('443');
  expect(port({ scheme: 'http' })).toBe('80');
  expect(port({ headers: [['Host', '[::1]:8080']] })).toBe('8080');
});

test('names that JavaScript treats in its own way are headers and parameters like others', () => {
  const event = httpEvent(
    'url',
    httpRequest({ target: '/?__proto__=1&constructor=2', headers: [['__proto__', 'x']] }),
    ARRIVAL,
  ).toString();
  expect(event).toContain('"__proto__":"1","constructor":"2"');
  expect(event).toContain('"__proto__":"x"');
});

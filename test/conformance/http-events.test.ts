import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { httpEvent } from '../../src/lambda/http-event.js';
import type { HttpRequest } from '../../src/lambda/http-request.js';
import { packageRoot } from '../support/cli.js';
import { pipFolder } from '../support/pip-folder.js';

// The events of HTTP requests, compared with those of AWS's SAM CLI (`sam local start-api`). Not compared is what SAM fills in by
// itself (ids, times, domain), and what it cannot see behind its web server: repeated headers, and the encoding of the path.

const REQUIREMENTS = 'aws-sam-cli==1.170.0\nwerkzeug==3.1.9\nmarkupsafe==3.0.4\n';

type Json = Readonly<Record<string, unknown>>;

const GET: HttpRequest = {
  method: 'GET',
  target: '/',
  headers: [['Host', 'localhost']],
  body: Buffer.alloc(0),
  protocol: 'HTTP/1.1',
  scheme: 'https',
  sourceIp: '192.0.2.7',
};

function withBody(type: string, body: Buffer): HttpRequest {
  const headers = [...GET.headers, ['Content-Type', type]] as const;
  return { ...GET, method: 'POST', target: '/upload', headers, body };
}

const CASES: Readonly<Record<string, HttpRequest>> = {
  'a plain GET': { ...GET, target: '/index.html' },
  'a path with encoded letters': { ...GET, target: '/a%20b/%C3%BC/c%2Bd' },
  'a query': { ...GET, target: '/x?a=1&b=two+words&c=%C3%BC&d=%26%3D' },
  'repeated and empty parameters': { ...GET, target: '/x?a=1&a=2&b=&c%5B%5D=3&c%5B%5D=4&d=5,6' },
  'a query that is only a question mark': { ...GET, target: '/x?' },
  headers: {
    ...GET,
    target: '/x',
    headers: [
      ...GET.headers,
      ['User-Agent', 'curl/8.0'],
      ['Accept', 'text/html;q=0.9, */*'],
      ['X-Own', 'a:b'],
    ],
  },
  cookies: { ...GET, target: '/x', headers: [...GET.headers, ['Cookie', 'a=1; b=x%20y; c=3']] },
  'a JSON body': withBody('application/json', Buffer.from('{"ü":1}')),
  'a text body': withBody('text/plain; charset=utf-8', Buffer.from('für')),
  'an image': withBody('image/png', Buffer.from([0x89, 0x50, 0xff, 0x00])),
  'another method': { ...GET, method: 'DELETE', target: '/x/1' },
};

/** What SAM's template would declare, since HTTP APIs encode by type and SAM by this list alone. */
const BINARY_TYPES = ['image/png'];
const FORMATS = ['v1', 'v2'] as const;

const theirs = new Map<string, Json>();

beforeAll(async () => {
  const folder = await pipFolder('aws-sam-cli-1.170.0-events', {
    requirements: REQUIREMENTS,
    options: ['--no-deps'],
  });
  const keys = Object.keys(CASES).flatMap((name) => FORMATS.map((format) => ({ name, format })));
  const asked = keys.map(({ name, format }) => {
    const request = CASES[name] ?? GET;
    return { ...request, body: request.body.toString('base64'), format, binaryTypes: BINARY_TYPES };
  });
  const python = spawn('python3', [join(packageRoot, 'test/conformance/sam-events.py')], {
    env: { ...process.env, PYTHONPATH: folder },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  python.stdin.end(JSON.stringify(asked));
  const events = JSON.parse(await text(python.stdout)) as Json[];
  keys.forEach(({ name, format }, index) => theirs.set(`${format} ${name}`, events[index] ?? {}));
});

function ours(format: (typeof FORMATS)[number], name: string): Json {
  const arrival = { requestId: 'the-id', now: 0 };
  return JSON.parse(httpEvent(format, CASES[name] ?? GET, arrival).toString()) as Json;
}

/** Headers that both sides have, by their name in lower case. SAM's server adds a length, and AWS's front ends add two more. */
function headersOf(headers: unknown): Json {
  const left = new Set(['content-length', 'cookie', 'x-forwarded-for', 'x-amzn-trace-id']);
  const all = Object.entries(headers as Json).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(all.filter(([name]) => !left.has(name)));
}

test.each(Object.keys(CASES))('v2: %s', (name) => {
  const partOf = (event: Json): unknown => {
    const { http } = event['requestContext'] as { readonly http: Json };
    const cookies = event['cookies'] as readonly string[] | undefined;
    return {
      version: event['version'],
      routeKey: event['routeKey'],
      // SAM's server decodes it.
      path: decodeURIComponent(event['rawPath'] as string),
      query: event['rawQueryString'],
      parameters: event['queryStringParameters'],
      cookies: cookies ?? [],
      headers: headersOf(event['headers']),
      http: { method: http['method'], protocol: http['protocol'], sourceIp: http['sourceIp'] },
      body: event['body'] ?? '',
      isBase64Encoded: event['isBase64Encoded'],
    };
  };
  expect(partOf(ours('v2', name))).toEqual(partOf(theirs.get(`v2 ${name}`) ?? {}));
});

test.each(Object.keys(CASES))('v1: %s', (name) => {
  const partOf = (event: Json): unknown => {
    const context = event['requestContext'] as Json & { readonly identity: Json };
    return {
      ...event,
      headers: headersOf(event['headers']),
      multiValueHeaders: headersOf(event['multiValueHeaders']),
      requestContext: {
        accountId: context['accountId'],
        httpMethod: context['httpMethod'],
        protocol: context['protocol'],
        resourcePath: context['resourcePath'],
        stage: context['stage'],
        sourceIp: context.identity['sourceIp'],
      },
    };
  };
  expect(partOf(ours('v1', name))).toEqual(partOf(theirs.get(`v1 ${name}`) ?? {}));
});

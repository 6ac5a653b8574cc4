import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { httpEvent, type EventFormat } from '../../../src/lambda/http-event.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { CLIENT } from '../../support/http-events.js';
import { openTestFunction, type TestFunction } from '../../support/local-function.js';

// What nginx and FPM answered to 223 requests, recorded once (fixtures/php/fpm/README.md), against web mode.

const FIXTURES = join(packageRoot, 'test', 'fixtures', 'php', 'fpm');
const FORMATS = ['url', 'v1', 'alb-multi'] as const satisfies readonly EventFormat[];

const pairsSchema = z.array(z.tuple([z.string(), z.unknown()]));
const mapSchema = z.object({ a: pairsSchema }).transform(({ a }) => a);
/** What the script saw. Long parts are digests. */
const seenSchema = z.object({ server: mapSchema, headers: mapSchema }).catchall(z.unknown());
const pieceSchema = z.object({
  text: z.string().optional(),
  base64: z.string().optional(),
  times: z.number(),
});
const casesSchema = z.array(
  z.object({
    name: z.string(),
    method: z.string(),
    target: z.string(),
    headers: z.array(z.tuple([z.string(), z.string()])),
    body: z.array(pieceSchema),
    expected: z.object({
      status: z.number(),
      headers: z.array(z.tuple([z.string(), z.string()])),
      seen: seenSchema.optional(),
      md5: z.string().optional(),
    }),
  }),
);
const differencesSchema = z.array(
  z.strictObject({
    reason: z.string(),
    formats: z.array(z.enum(FORMATS)),
    fields: z.array(z.string()),
    cases: z.array(z.string()),
  }),
);
const answerSchema = z.object({
  statusCode: z.number(),
  headers: z.record(z.string(), z.string()).default({}),
  multiValueHeaders: z.record(z.string(), z.array(z.string())).default({}),
  cookies: z.array(z.string()).default([]),
  body: z.string().default(''),
  isBase64Encoded: z.boolean().default(false),
});

type Case = z.infer<typeof casesSchema>[number];

/** What differs by nature: addresses and names of the server, and what AWS adds. */
const IGNORED =
  /^(SERVER_(PORT|NAME|SOFTWARE|ADDR)|REQUEST_(SCHEME|TIME)|HTTP_X_FORWARDED_|HTTP_X_AMZN_|HTTP_CONNECTION)/;
const COMPARED =
  /^(HTTP_|REQUEST_|QUERY_|SCRIPT_|DOCUMENT_|CONTENT_|PATH_INFO|PATH_TRANSLATED|PHP_|GATEWAY_|SERVER_|ORIG_)/;

function md5(content: string | Buffer): string {
  return createHash('md5').update(content).digest('hex');
}

function bodyOf({ body }: Case): Buffer {
  return Buffer.concat(
    body.flatMap(({ text, base64, times }) => {
      const piece = text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text);
      return Array.from({ length: times }, () => piece);
    }),
  );
}

function eventOf(one: Case, format: EventFormat): Buffer {
  const body = bodyOf(one);
  const named = new Set(one.headers.map(([name]) => name.toLowerCase()));
  const common = [
    ['Host', 'www.example.org'],
    ['User-Agent', 'judge'],
  ] as const;
  const length: [string, string][] =
    one.body.length === 0 || named.has('content-length') ? [] : [['Content-Length', String(body.length)]];
  return httpEvent(
    format,
    {
      method: one.method,
      target: one.target,
      headers: [
        ...common.filter(([name]) => !named.has(name.toLowerCase())),
        ...one.headers.map(([name, value]) => [name, value.trim()] as const),
        ...length,
      ],
      body,
      protocol: 'HTTP/1.1',
      scheme: 'http',
      sourceIp: CLIENT,
    },
    { requestId: 'c0ffee', now: Date.UTC(2026, 0, 1) },
  );
}

/** Headers of an answer, in one order; repeated ones joined, but for cookies. */
function headerLines(headers: readonly (readonly [string, string])[]): string[] {
  const lines = new Map<string, string>();
  const cookies: string[] = [];
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    // Only answers to HEAD have one, and it is not recorded.
    if (lower === 'content-length') continue;
    const earlier = lines.get(lower);
    if (lower === 'set-cookie') cookies.push(`${lower}: ${value}`);
    else lines.set(lower, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return [...[...lines].map(([name, value]) => `${name}: ${value}`), ...cookies].sort();
}

function answeredHeaders(answer: z.infer<typeof answerSchema>): [string, string][] {
  return [
    ...Object.entries(answer.headers),
    ...Object.entries(answer.multiValueHeaders).flatMap(([name, values]) =>
      values.map((value): [string, string] => [name, value]),
    ),
    ...answer.cookies.map((value): [string, string] => ['set-cookie', value]),
  ];
}

/** As the recorder shortens what is long. */
function shortened(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text.length < 1500 ? value : `md5:${md5(text)}`;
}

/** The names of the fields that differ, each with both values. */
function differenceOf(
  one: Case,
  format: EventFormat,
  answer: z.infer<typeof answerSchema>,
): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const { expected } = one;
  const compare = (field: string, fpm: unknown, ours: unknown): void => {
    const [left, right] = [JSON.stringify(fpm ?? null), JSON.stringify(ours ?? null)];
    if (left !== right) found.set(field, { fpm: left.slice(0, 300), ours: right.slice(0, 300) });
  };
  compare('status', expected.status, answer.statusCode);
  if (found.size > 0) return found;
  compare('answer headers', headerLines(expected.headers), headerLines(answeredHeaders(answer)));
  const body = Buffer.from(answer.body, answer.isBase64Encoded ? 'base64' : 'utf8');
  if (expected.seen === undefined) {
    compare('answer body', expected.md5, md5(body));
    return found;
  }
  const ours = seenSchema.parse(JSON.parse(body.toString()));
  const isCompared = (name: string): boolean =>
    COMPARED.test(name) &&
    !IGNORED.test(name) &&
    // Other formats have decoded, or sorted, parameters: the text of the query is not the client's.
    (format === 'url' || !['QUERY_STRING', 'REQUEST_URI'].includes(name));
  const server = Object.fromEntries(ours.server);
  const expectedServer = Object.fromEntries(expected.seen.server);
  for (const name of new Set([...Object.keys(server), ...Object.keys(expectedServer)])) {
    if (isCompared(name)) compare(`server ${name}`, expectedServer[name], server[name]);
  }
  const headers = Object.fromEntries(ours.headers);
  const expectedHeaders = Object.fromEntries(expected.seen.headers);
  for (const name of new Set([...Object.keys(headers), ...Object.keys(expectedHeaders)])) {
    if (!/^X-(Forwarded|Amzn)-/.test(name))
      // FPM lists headers of which only the variable is there, and empty.
      compare(`header ${name}`, expectedHeaders[name] ?? '', headers[name] ?? '');
  }
  for (const [name, value] of Object.entries(expected.seen)) {
    if (name !== 'server' && name !== 'headers') compare(name, value, shortened(ours[name]));
  }
  return found;
}

describe('web mode beside nginx and FPM', () => {
  let layer: BuiltLayer;
  let fn: TestFunction;
  let cases: readonly Case[];

  beforeAll(async () => {
    layer = await builtLayer('php/8.4');
    fn = await openTestFunction({
      layers: [layer.zip],
      files: { 'public/index.php': await readFile(join(FIXTURES, 'index.php')) },
      handler: 'public/index.php',
      env: { LAYERSMITH_MODE: 'web' },
    });
    cases = casesSchema.parse(JSON.parse(await readFile(join(FIXTURES, 'cases.json'), 'utf8')));
  });

  afterAll(async () => {
    await fn[Symbol.asyncDispose]();
    await layer[Symbol.asyncDispose]();
  });

  test.each(FORMATS)('PHP sees and answers the same, but for the known differences: %s', async (format) => {
    const known = differencesSchema
      .parse(JSON.parse(await readFile(join(FIXTURES, 'differences.json'), 'utf8')))
      .filter(({ formats }) => formats.includes(format))
      .flatMap(({ cases: names, fields }) =>
        names.flatMap((name) => fields.map((field) => `${name}: ${field}`)),
      );
    const found = new Map<string, unknown>();
    for (const one of cases) {
      const { status, payload } = await fn.invoke({ event: eventOf(one, format) });
      expect({ name: one.name, status }).toEqual({ name: one.name, status: 'success' });
      const answer = answerSchema.parse(JSON.parse(payload.toString()));
      for (const [field, values] of differenceOf(one, format, answer))
        found.set(`${one.name}: ${field}`, values);
    }
    const unknown = [...found].filter(([name]) => !known.includes(name));
    const stale = known.filter((name) => !found.has(name));
    expect({ unknown, stale }).toEqual({ unknown: [], stale: [] });
  });
});

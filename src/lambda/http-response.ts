import { validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';
import type { EventFormat } from './http-event.js';
import { CONNECTION_HEADERS } from './http-request.js';

/** Status and headers of an HTTP response. */
export interface HttpResponseHead {
  readonly statusCode: number;
  /** Names and values in their order. A repeated header, such as `Set-Cookie`, is here several times. */
  readonly headers: readonly (readonly [string, string])[];
}

/** A whole HTTP response. */
export interface HttpResponse extends HttpResponseHead {
  readonly body: Buffer;
}

/** The result of a function is not an HTTP response: AWS answers the request with 502. */
export class HttpResponseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'HttpResponseError';
  }
}

/** What an invoker reads of a head, and the content type of one that names none. */
interface HeadRules {
  /** Whether it reads `headers`. */
  readonly single: boolean;
  /** Whether it reads `multiValueHeaders`. */
  readonly lists: boolean;
  readonly cookies: boolean;
  readonly type: string;
}

const JSON_TYPE = 'application/json';
const NOTHING = { single: false, lists: false, cookies: false, type: JSON_TYPE };

const RULES: Readonly<Record<EventFormat, HeadRules>> = {
  url: { ...NOTHING, single: true, cookies: true },
  v2: { ...NOTHING, single: true, cookies: true },
  v1: { ...NOTHING, single: true, lists: true },
  alb: { ...NOTHING, single: true },
  'alb-multi': { ...NOTHING, lists: true },
};

const headerValue = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const head = z.object({
  statusCode: z.coerce.number().int().min(200).max(599),
  headers: z.record(z.string(), headerValue).nullish(),
  multiValueHeaders: z.record(z.string(), z.array(headerValue)).nullish(),
  cookies: z.array(z.string()).nullish(),
});

const prelude = head.extend({ statusCode: head.shape.statusCode.default(200) });

const response = head.extend({
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
});

/**
 * Parses the result of a function as the invoker of this format does. In the formats `url` and `v2`, JSON without `statusCode`
 * is itself the body of a response. The content type is JSON unless the function names one. Throws HttpResponseError.
 */
export function parseHttpResponse(payload: Buffer, format: EventFormat): HttpResponse {
  const value = parseJson(payload, 'the result of the function');
  if (RULES[format].cookies && !isResponse(value))
    return { statusCode: 200, headers: [['Content-Type', JSON_TYPE]], body: payload };
  const parsed = response.safeParse(value);
  if (!parsed.success) throw invalid(parsed.error);
  const { body, isBase64Encoded } = parsed.data;
  return {
    ...headOf(parsed.data, RULES[format]),
    body: Buffer.from(body ?? '', isBase64Encoded === true ? 'base64' : 'utf8'),
  };
}

/**
 * Parses the prelude of a streamed response: status (200 by default), headers and cookies as JSON
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html). Throws HttpResponseError.
 */
export function parsePrelude(bytes: Buffer): HttpResponseHead {
  const parsed = prelude.safeParse(parseJson(bytes, 'the prelude of the streamed response'));
  if (!parsed.success) throw invalid(parsed.error);
  return headOf(parsed.data, {
    single: true,
    lists: true,
    cookies: true,
    type: 'application/octet-stream',
  });
}

function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new HttpResponseError(`${what} is not JSON`);
  }
}

function isResponse(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'statusCode' in value;
}

function headOf(
  { statusCode, headers, multiValueHeaders, cookies }: z.output<typeof head>,
  rules: HeadRules,
): HttpResponseHead {
  const single = Object.entries((rules.single ? headers : undefined) ?? {});
  const lists = Object.entries((rules.lists ? multiValueHeaders : undefined) ?? {});
  const inLists = new Set(lists.map(([name]) => name.toLowerCase()));
  const all = [
    ...single.filter(([name]) => !inLists.has(name.toLowerCase())),
    ...lists.flatMap(([name, values]) => values.map((value) => [name, value] as const)),
    ...((rules.cookies ? cookies : undefined) ?? []).map((cookie) => ['Set-Cookie', cookie] as const),
  ].filter(([name]) => !CONNECTION_HEADERS.has(name.toLowerCase()));
  for (const [name, value] of all) checkHeader(name, value);
  const hasType = all.some(([name]) => name.toLowerCase() === 'content-type');
  return { statusCode, headers: hasType ? all : [...all, ['Content-Type', rules.type]] };
}

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, headerBytes(value));
  } catch {
    throw new HttpResponseError(`the header ${JSON.stringify(name)} has an invalid name or value`);
  }
}

/** Encodes a header's value as UTF-8 for Node, which writes latin1. */
export function headerBytes(value: string): string {
  return Buffer.from(value).toString('latin1');
}

function invalid(error: z.ZodError): HttpResponseError {
  const problems = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return new HttpResponseError(`the result of the function is not an HTTP response: ${problems.join('; ')}`);
}

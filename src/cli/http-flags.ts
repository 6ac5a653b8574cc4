import { randomUUID } from 'node:crypto';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { UsageError } from '../core/errors.js';
import { VERSION } from '../core/version.js';
import { EVENT_FORMATS, httpEvent, type EventFormat } from '../lambda/http-event.js';
import type { HttpRequest } from '../lambda/http-request.js';
import { MAX_EVENT_BYTES } from '../lambda/invocation-request.js';
import { readInput, tooLarge } from './event-input.js';
import type { Io } from './io.js';

/** The flags of `invoke` for an HTTP request in place of an event. */
export const httpOptions = {
  http: {
    type: 'string',
    requiresArg: true,
    describe: "HTTP request in place of --event: 'GET /path?query'",
  },
  header: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: "Header of --http, 'NAME: VALUE'; repeatable",
  },
  data: {
    type: 'string',
    requiresArg: true,
    describe: 'Body of --http: text, @FILE, or - for stdin',
  },
  'event-format': {
    choices: EVENT_FORMATS,
    requiresArg: true,
    default: 'url',
    describe:
      'Format of the event of --http: function URL, REST API, HTTP API, load balancer without or with multi-value headers',
  },
} as const;

/** Values of `httpOptions`. */
export interface HttpFlags {
  readonly event: string | undefined;
  readonly http: string | undefined;
  readonly header: readonly string[];
  readonly data: string | undefined;
  readonly eventFormat: EventFormat;
}

/**
 * Returns the event of the request that the flags describe, and the id of its invocation. Undefined without `--http`. Throws
 * UsageError for flags that are invalid or do not go together.
 */
export async function eventOfHttp(
  io: Io,
  flags: HttpFlags,
): Promise<{ readonly event: Uint8Array; readonly requestId: string } | undefined> {
  const { http, header, data, eventFormat } = flags;
  if (http === undefined) {
    if (header.length === 0 && data === undefined && eventFormat === 'url') return undefined;
    throw new UsageError('--header, --data and --event-format describe the request of --http', {
      hint: "Add the request, for example --http 'POST /path'.",
    });
  }
  if (flags.event !== undefined)
    throw new UsageError('--http and --event do not go together', {
      hint: 'Leave out --event: the event is made of the request.',
    });
  const request = await requestOf(io, { http, header, data });
  const requestId = randomUUID();
  const event = httpEvent(eventFormat, request, { requestId, now: io.now() });
  if (event.length > MAX_EVENT_BYTES) throw tooLarge('--http');
  return { event, requestId };
}

/** Like curl, uses POST and the content type of forms for data, unless the flags say otherwise. */
async function requestOf(
  io: Io,
  { http, header, data }: { http: string; header: readonly string[]; data: string | undefined },
): Promise<HttpRequest> {
  const [, method, target] = /^(?:([A-Za-z]+) +)?(\/\S*)$/.exec(http.trim()) ?? [];
  if (target === undefined)
    throw new UsageError(`--http: '${http}' is not a method and a path`, {
      hint: "For example: --http 'POST /path?query'.",
    });
  const given = header.map(headerOf);
  const body = data === undefined ? undefined : (await readInput(io, data, DATA)).bytes;
  const defaults: HttpRequest['headers'] = [
    ['Host', 'localhost'],
    ['User-Agent', `layersmith/${VERSION}`],
    ['Accept', '*/*'],
    ...(body === undefined ? [] : [['Content-Type', 'application/x-www-form-urlencoded'] as const]),
    ...(body === undefined ? [] : [['Content-Length', String(body.length)] as const]),
  ];
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return {
    method: method?.toUpperCase() ?? (body === undefined ? 'GET' : 'POST'),
    target: target.replaceAll(/[^\x21-\x7e]+/g, encodeURIComponent),
    headers: [...defaults.filter(([name]) => !names.has(name.toLowerCase())), ...given],
    body: body ?? Buffer.alloc(0),
    protocol: 'HTTP/1.1',
    scheme: 'https',
    sourceIp: '127.0.0.1',
  };
}

const DATA = { flag: '--data', what: 'data' };

function headerOf(text: string): readonly [string, string] {
  const [, name = '', value = ''] = /^([^:]*):\s*(.*)$/s.exec(text) ?? [];
  try {
    validateHeaderName(name);
    validateHeaderValue(name, Buffer.from(value).toString('latin1'));
    return [name, value];
  } catch (cause) {
    throw new UsageError(`--header: '${text}' is not a header`, {
      hint: "For example: --header 'Accept: text/html'.",
      cause,
    });
  }
}

import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { errorCodeOf } from '../core/file-system.js';

export interface HttpTimeouts {
  /** Until a server's headers are there, for each redirect anew. */
  readonly answerMs: number;
  /** Between two pieces of the body. */
  readonly stallMs: number;
}

/**
 * Why a URL gave no file: its host cannot be reached at all, the connection broke or stopped midway, or the
 * server was reached and said no.
 */
export type HttpFailureKind = 'unreachable' | 'broken' | 'stalled' | 'answer';

/** A URL that gave no file. Never leaves `source/`: it becomes one line of a SourceError. */
export class HttpFailure extends Error {
  readonly kind: HttpFailureKind;
  /** The host that failed, which after a redirect is not the URL's. */
  readonly host: string;

  constructor(kind: HttpFailureKind, host: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'HttpFailure';
    this.kind = kind;
    this.host = host;
  }
}

export interface HttpGetOptions {
  readonly timeouts: HttpTimeouts;
  readonly signal: AbortSignal;
  /** Why a host is not asked: it failed earlier in this run. */
  readonly refuse: (host: string) => string | undefined;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * The bytes of a URL exactly as the server has them: unlike `fetch`, nothing here undoes a
 * `Content-Encoding: gzip`, which some servers put on a .tar.gz. Only https, or http on loopback; redirects
 * are followed. Ends with an HttpFailure, or with the signal's reason.
 */
export async function* httpGet(url: string, options: HttpGetOptions): AsyncGenerator<Uint8Array, void> {
  let location = new URL(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const response = await request(location, options);
    const status = response.statusCode ?? 0;
    if (status === 200) {
      yield* bodyOf(response, location.host, options);
      return;
    }
    response.destroy();
    const target = response.headers.location;
    if (!REDIRECTS.includes(status) || target === undefined) {
      throw new HttpFailure('answer', location.host, `HTTP ${status} ${response.statusMessage ?? ''}`.trim());
    }
    location = resolveRedirect(target, location);
  }
  throw new HttpFailure('answer', location.host, `more than ${MAX_REDIRECTS} redirects`);
}

function resolveRedirect(target: string, from: URL): URL {
  try {
    return new URL(target, from);
  } catch (cause) {
    throw new HttpFailure('answer', from.host, `redirects to something that is no URL: ${target}`, cause);
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

async function request(url: URL, options: HttpGetOptions): Promise<http.IncomingMessage> {
  const { timeouts, signal } = options;
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new HttpFailure('answer', url.host, `not asked, because ${url.protocol.slice(0, -1)} is not https`);
  }
  const refusal = options.refuse(url.host);
  if (refusal !== undefined) throw new HttpFailure('answer', url.host, refusal);
  signal.throwIfAborted();

  return new Promise((resolve, reject) => {
    let connected = false;
    const call = (url.protocol === 'https:' ? https : http).request(url, {
      // A connection of its own: a pooled one may have been closed by the server a moment ago.
      agent: false,
      headers: { 'user-agent': 'layersmith', accept: '*/*', 'accept-encoding': 'identity' },
      signal,
    });
    const timer = setTimeout(() => {
      const seconds = timeouts.answerMs / 1000;
      const failure = connected
        ? new HttpFailure('stalled', url.host, `connected, but no answer within ${seconds} s`)
        : new HttpFailure('unreachable', url.host, `no connection within ${seconds} s`);
      call.destroy(failure);
    }, timeouts.answerMs);
    call.on('socket', (socket) => {
      socket.once('connect', () => {
        connected = true;
      });
    });
    call.on('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    // Stays for the life of the request: a connection that breaks later reports here as well as on the body.
    call.on('error', (error) => {
      clearTimeout(timer);
      reject(signal.aborted ? (signal.reason as Error) : translate(error, url.host));
    });
    call.end();
  });
}

async function* bodyOf(
  response: http.IncomingMessage,
  host: string,
  { timeouts, signal }: HttpGetOptions,
): AsyncGenerator<Uint8Array, void> {
  const stall = (): NodeJS.Timeout =>
    setTimeout(() => {
      const message = `nothing came for ${timeouts.stallMs / 1000} s`;
      response.destroy(new HttpFailure('stalled', host, message));
    }, timeouts.stallMs);
  let timer = stall();
  try {
    for await (const chunk of response as Readable & AsyncIterable<Buffer>) {
      // Time that the disk takes is not the server's.
      clearTimeout(timer);
      yield chunk;
      timer = stall();
    }
    if (!response.complete) throw new HttpFailure('broken', host, 'the connection broke before the end');
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw translate(error, host);
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve',
  ECONNREFUSED: 'the connection is refused',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  EADDRNOTAVAIL: 'the network is unreachable',
  ETIMEDOUT: 'no connection within the time-out of the system',
};

const BROKEN: readonly string[] = ['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'];

function translate(error: unknown, host: string): HttpFailure {
  if (error instanceof HttpFailure) return error;
  const code = errorCodeOf(error) ?? '';
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined) return new HttpFailure('unreachable', host, unreachable, error);
  if (BROKEN.includes(code)) {
    return new HttpFailure('broken', host, 'the connection broke before the end', error);
  }
  return new HttpFailure('answer', host, error instanceof Error ? error.message : String(error), error);
}

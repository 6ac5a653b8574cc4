import { STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import { HttpFailure, translateHttpError } from './http-failure.js';
import { createDispatcher, type DispatcherOptions } from './proxies.js';

/** Settings of `httpGet`. */
export interface HttpGetOptions extends DispatcherOptions {
  /** Allow http on any host. The caller compares the bytes with a pinned digest. */
  readonly allowHttp?: boolean | undefined;
  readonly signal: AbortSignal;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Downloads a URL and yields its bytes exactly as the server sends them. Unlike `fetch`, it does not decode
 * `Content-Encoding: gzip`, which some servers send with a .tar.gz. Allows https, http on loopback, and other http if it is asked for. Follows redirects.
 * Throws HttpFailure, UsageError for a proxy that is not a URL, or the signal's reason.
 */
export async function* httpGet(url: string, options: HttpGetOptions): AsyncGenerator<Uint8Array, void> {
  let location = new URL(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const target = yield* requestOnce(location, options);
    if (target === undefined) return;
    location = target;
  }
  throw new HttpFailure('answer', location.host, `more than ${MAX_REDIRECTS} redirects`);
}

/** Yields the body of a 200 response. Returns the next location of a redirect. */
async function* requestOnce(url: URL, options: HttpGetOptions): AsyncGenerator<Uint8Array, URL | undefined> {
  const { signal, timeouts } = options;
  checkAllowed(url, options);
  signal.throwIfAborted();
  const dispatcher = createDispatcher(options);
  // undici checks its own `signal` only after connecting.
  const stop = (): void => void dispatcher.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { statusCode, headers, body } = await request(dispatcher, url, options);
    if (statusCode === 200) {
      for await (const chunk of body as AsyncIterable<Buffer>) yield chunk;
      return undefined;
    }
    body.on('error', () => undefined);
    const target = headers['location'];
    if (REDIRECTS.includes(statusCode) && typeof target === 'string') return resolveRedirect(target, url);
    const status = `HTTP ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
    throw new HttpFailure('answer', url.host, status);
  } catch (error) {
    signal.throwIfAborted();
    throw translateHttpError(error, url.host, timeouts);
  } finally {
    signal.removeEventListener('abort', stop);
    await dispatcher.destroy();
  }
}

function checkAllowed(url: URL, { refuse, allowHttp }: HttpGetOptions): void {
  const isHttp = url.protocol === 'http:' && (allowHttp === true || isLoopback(url.hostname));
  if (url.protocol !== 'https:' && !isHttp) {
    const message = `not requested: ${url.protocol.slice(0, -1)} is not https`;
    throw new HttpFailure('answer', url.host, message);
  }
  const refusal = refuse(url.host);
  if (refusal !== undefined) throw new HttpFailure('answer', url.host, refusal);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

function resolveRedirect(target: string, from: URL): URL {
  try {
    return new URL(target, from);
  } catch (cause) {
    throw new HttpFailure('answer', from.host, `redirects to an invalid URL: ${target}`, cause);
  }
}

async function request(
  dispatcher: Dispatcher,
  url: URL,
  { timeouts }: HttpGetOptions,
): Promise<Dispatcher.ResponseData> {
  const [user, password] = [url.username, url.password].map(decodeURIComponent);
  const authorization =
    url.username === ''
      ? {}
      : { authorization: `Basic ${Buffer.from(`${user ?? ''}:${password ?? ''}`).toString('base64')}` };
  return dispatcher.request({
    method: 'GET',
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    headers: {
      'user-agent': 'layersmith',
      accept: '*/*',
      'accept-encoding': 'identity',
      ...authorization,
    },
    headersTimeout: timeouts.answerMs,
    bodyTimeout: timeouts.stallMs,
  });
}

import { STATUS_CODES } from 'node:http';
import { EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';
import { UsageError } from '../core/errors.js';
import { HttpFailure, translateHttpError, type HttpTimeouts } from './http-failure.js';

/** The proxies that downloads go through, as the environment names them. */
export interface Proxies {
  /** `http_proxy`; also used for https when `https_proxy` is not set. */
  readonly http?: string | undefined;
  /** `https_proxy`. */
  readonly https?: string | undefined;
  /** `no_proxy`: hosts that are asked directly, `example.com,.internal:8080`, or `*`. */
  readonly none?: string | undefined;
}

export interface DispatcherOptions {
  readonly proxies: Proxies;
  readonly timeouts: HttpTimeouts;
  /** Why a host is not asked: it failed earlier in this run. */
  readonly refuse: (host: string) => string | undefined;
  /** CA certificates (PEM) to trust in place of Node.js's own. */
  readonly ca?: string | undefined;
}

/**
 * A dispatcher for one request, with connections of its own: a pooled one may have been closed by the server a
 * moment ago. https goes through a proxy by CONNECT, plain http by the whole URL. Destroy it when the answer has
 * been read. Throws UsageError when a proxy is not a URL.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { proxies, timeouts, ca } = options;
  const connect = { timeout: timeouts.answerMs, ...(ca === undefined ? {} : { ca }) };
  return new EnvHttpProxyAgent({
    // Empty, not undefined: undici would look into the environment of the process.
    httpProxy: proxyUrl('http_proxy', proxies.http),
    httpsProxy: proxyUrl('https_proxy', proxies.https),
    noProxy: proxies.none ?? '',
    proxyTunnel: false,
    connect,
    requestTls: connect,
    proxyTls: connect,
    clientFactory: (proxy, clientOptions) => tunnelThrough(proxy, clientOptions, options),
  });
}

/** `proxy.example.com:3128` is the same as `http://proxy.example.com:3128`, as for curl. */
function proxyUrl(name: string, value: string | undefined): string {
  const text = value?.trim() ?? '';
  if (text === '') return '';
  const url = text.includes('://') ? text : `http://${text}`;
  if (URL.canParse(url) && /^(?:https?|socks5?):$/.test(new URL(url).protocol)) return url;
  // The value may hold a password.
  throw new UsageError(`${name} in the environment is not the URL of an http, https or socks5 proxy`, {
    hint: `For example: ${name}=http://proxy.example.com:3128.`,
  });
}

class ProxyPool extends Pool {
  /** What `connect` of a pool is. */
  tunnel(request: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
    return super.connect(request);
  }
}

/** A connection to a proxy whose failures are HttpFailures that name the proxy, without its password. */
function tunnelThrough(proxy: URL, clientOptions: object, options: DispatcherOptions): Dispatcher {
  const { timeouts, refuse } = options;
  const pool = new ProxyPool(proxy, { ...clientOptions, headersTimeout: timeouts.answerMs });
  const place = `the proxy ${proxy.host}`;
  const connect = async (request: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> => {
    const refusal = refuse(place);
    if (refusal !== undefined) throw new HttpFailure('answer', place, refusal);
    let answer: Dispatcher.ConnectData;
    try {
      answer = await pool.tunnel(request);
    } catch (error) {
      const { kind, message } = translateHttpError(error, place, timeouts);
      // Any other error would make undici try again for ever where the proxy hangs up (seen in 7.30).
      throw new HttpFailure(kind, place, `${place}: ${message}`, error);
    }
    const { statusCode, socket } = answer;
    if (statusCode === 200) return answer;
    socket.on('error', () => undefined).destroy();
    const status = `HTTP ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
    throw new HttpFailure('answer', place, `${place} refused to connect: ${status}`);
  };
  return Object.assign(pool, { connect });
}

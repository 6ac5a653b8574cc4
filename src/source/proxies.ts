import { STATUS_CODES } from 'node:http';
import { EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';
import { UsageError } from '../core/errors.js';
import { HttpFailure, translateHttpError, type HttpTimeouts } from './http-failure.js';

/** The proxies for downloads, from the environment. */
export interface Proxies {
  /** `http_proxy`; also used for https when `https_proxy` is not set. */
  readonly http?: string | undefined;
  /** `https_proxy`. */
  readonly https?: string | undefined;
  /** `no_proxy`: hosts to which downloads connect directly, `example.com,.internal:8080`, or `*`. */
  readonly none?: string | undefined;
}

/** Settings of `createDispatcher`. */
export interface DispatcherOptions {
  readonly proxies: Proxies;
  readonly timeouts: HttpTimeouts;
  /** Returns why a host is skipped because it failed earlier in this run. Undefined for any other host. */
  readonly refuse: (host: string) => string | undefined;
  /** CA certificates (PEM) to trust in place of Node.js's own. */
  readonly ca?: string | undefined;
}

/**
 * Creates a dispatcher for one request, with its own connections: the server may just have closed a pooled one. https uses
 * CONNECT to pass a proxy; plain http sends it the whole URL. Destroy the dispatcher after reading the response. Throws
 * UsageError if a proxy is not a URL.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { proxies, timeouts, ca } = options;
  const connect = { timeout: timeouts.answerMs, ...(ca === undefined ? {} : { ca }) };
  return new EnvHttpProxyAgent({
    // Empty, not undefined: undici would read the process's environment.
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

/** Parses a proxy. As in curl, `proxy.example.com:3128` means `http://proxy.example.com:3128`. */
function proxyUrl(name: string, value: string | undefined): string {
  const text = value?.trim() ?? '';
  if (text === '') return '';
  const url = text.includes('://') ? text : `http://${text}`;
  if (URL.canParse(url) && /^(?:https?|socks5?):$/.test(new URL(url).protocol)) return url;
  // Do not print the value: it may contain a password.
  throw new UsageError(`${name} in the environment is not the URL of an http, https or socks5 proxy`, {
    hint: `For example: ${name}=http://proxy.example.com:3128.`,
  });
}

class ProxyPool extends Pool {
  /** The type of a pool's `connect`. */
  tunnel(request: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
    return super.connect(request);
  }
}

/** Creates a connection to a proxy. Its failures are HttpFailures that name the proxy without its password. */
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
      // With any other error undici retries forever if the proxy closes the connection (seen in 7.30).
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

import { errorCodeOf } from '../core/file-system.js';

/**
 * Why a URL gave no file: its host (or the proxy) cannot be reached at all, the connection broke or stopped
 * midway, or the server was reached and gave another answer than the file.
 */
export type HttpFailureKind = 'unreachable' | 'broken' | 'stalled' | 'answer';

/** A URL that gave no file. Never leaves `source/`: it becomes one line of a SourceError. */
export class HttpFailure extends Error {
  readonly kind: HttpFailureKind;
  /** The host that failed: after a redirect it is not the URL's, and it may be a proxy. */
  readonly host: string;

  constructor(kind: HttpFailureKind, host: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'HttpFailure';
    this.kind = kind;
    this.host = host;
  }
}

/** How long a request may wait. undici rounds what is above a second to about half a second. */
export interface HttpTimeouts {
  /** Until a connection stands, and again until the headers of the answer have arrived. For each redirect anew. */
  readonly answerMs: number;
  /** Between two pieces of the body. */
  readonly stallMs: number;
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve',
  ECONNREFUSED: 'the connection is refused',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  EADDRNOTAVAIL: 'the network is unreachable',
  ETIMEDOUT: "no connection within the system's time limit",
};

const BROKEN: readonly string[] = [
  'ECONNRESET',
  'EPIPE',
  'HPE_INVALID_EOF_STATE',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
];

/** Translates what undici or Node.js threw for a request to that host. */
export function translateHttpError(error: unknown, host: string, timeouts: HttpTimeouts): HttpFailure {
  if (error instanceof HttpFailure) return error;
  // Several addresses were tried: the first one's reason stands for all.
  if (error instanceof AggregateError && error.errors.length > 0) {
    return translateHttpError(error.errors[0], host, timeouts);
  }
  const code = errorCodeOf(error) ?? '';
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined) return new HttpFailure('unreachable', host, unreachable, error);
  const { answerMs, stallMs } = timeouts;
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new HttpFailure('unreachable', host, `no connection within ${answerMs / 1000} s`, error);
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new HttpFailure('stalled', host, `connected, but no answer within ${answerMs / 1000} s`, error);
    case 'UND_ERR_BODY_TIMEOUT':
      return new HttpFailure('stalled', host, `no data for ${stallMs / 1000} s`, error);
  }
  if (/CERT|LEAF_SIGNATURE/.test(code) && error instanceof Error) {
    const message = `its TLS certificate is not trusted (${error.message}; NODE_EXTRA_CA_CERTS can name another authority)`;
    return new HttpFailure('answer', host, message, error);
  }
  if (BROKEN.includes(code)) {
    return new HttpFailure('broken', host, 'the connection broke before the end', error);
  }
  return new HttpFailure('answer', host, error instanceof Error ? error.message : String(error), error);
}

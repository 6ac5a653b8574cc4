import { errorCodeOf } from '../core/file-system.js';

/**
 * Why a download failed: the host or the proxy cannot be reached, the connection broke or stalled, or the server answered
 * with something other than the file.
 */
export type HttpFailureKind = 'unreachable' | 'broken' | 'stalled' | 'answer';

/** A failed download. Used only in `source/`, where it becomes one line of a SourceError. */
export class HttpFailure extends Error {
  readonly kind: HttpFailureKind;
  /** The host that failed. After a redirect it differs from the URL's host, and it can be a proxy. */
  readonly host: string;

  constructor(kind: HttpFailureKind, host: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'HttpFailure';
    this.kind = kind;
    this.host = host;
  }
}

/** Time limits of a request. undici rounds values above a second to about half a second. */
export interface HttpTimeouts {
  /** Limit for the connection, and again for the headers of the response. Applies to each redirect separately. */
  readonly answerMs: number;
  /** Limit between two chunks of the body. */
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

/** Translates an error of undici or Node.js for a request to that host. */
export function translateHttpError(error: unknown, host: string, timeouts: HttpTimeouts): HttpFailure {
  if (error instanceof HttpFailure) return error;
  // Several addresses were tried. Report the reason of the first.
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
    const message = `its TLS certificate is not trusted (${error.message}; set NODE_EXTRA_CA_CERTS to trust another authority)`;
    return new HttpFailure('answer', host, message, error);
  }
  if (BROKEN.includes(code)) {
    return new HttpFailure('broken', host, 'the connection broke before the end', error);
  }
  return new HttpFailure('answer', host, error instanceof Error ? error.message : String(error), error);
}

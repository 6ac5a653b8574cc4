import { STATUS_CODES } from 'node:http';

import { EngineError, EngineUnavailableError, LayersmithError } from '../core/errors.js';

/** The context of a call, for messages; see `EngineCall`. */
export interface CallContext {
  readonly endpoint: string;
  /** Completes "cannot …": `create a container`. */
  readonly doing: string;
  readonly signal?: AbortSignal | undefined;
}

/** The hint for an address at which no engine answers. */
export const START_HINT = 'Start the engine, or set DOCKER_HOST to a running one.';
const GONE =
  'Check whether the engine was stopped or restarted, then run the command again; finished stages are kept.';

/** The reason for a socket that exists but may not be opened by this user. */
export const PERMISSION_DENIED = 'permission denied';

/** Transport errors that mean that the engine is not available, by code, with a reason and a hint. */
const UNAVAILABLE: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  ENOENT: { why: 'the socket does not exist', hint: START_HINT },
  ENOTSOCK: { why: 'it is not a socket', hint: START_HINT },
  ECONNREFUSED: { why: 'connection refused', hint: START_HINT },
  EACCES: {
    why: PERMISSION_DENIED,
    hint: 'Join the group that owns the socket (usually `docker`), or use sudo.',
  },
  EPERM: { why: 'not permitted', hint: 'Run as root, or join the group that owns the socket.' },
  ECONNRESET: { why: 'the connection was lost', hint: GONE },
  ECONNABORTED: { why: 'the connection was lost', hint: GONE },
  EPIPE: { why: 'the connection was lost', hint: GONE },
  ERR_STREAM_PREMATURE_CLOSE: { why: 'the connection was lost', hint: GONE },
  ETIMEDOUT: { why: 'it does not answer', hint: START_HINT },
  EHOSTUNREACH: { why: 'the host cannot be reached', hint: 'Check DOCKER_HOST and the network.' },
  EHOSTDOWN: { why: 'the host is down', hint: 'Check DOCKER_HOST and the network.' },
  ENETUNREACH: { why: 'the network cannot be reached', hint: 'Check DOCKER_HOST and the network.' },
  ENOTFOUND: { why: 'the host name is unknown', hint: 'Check DOCKER_HOST.' },
  EAI_AGAIN: { why: 'the host name could not be looked up', hint: 'Check DOCKER_HOST and the network.' },
  EPROTO: { why: 'it does not speak TLS', hint: 'Check DOCKER_HOST and DOCKER_TLS_VERIFY.' },
};

/** Reports whether an error code of Node's TLS means that one side does not trust the other. */
function isTlsCode(code: string): boolean {
  return /CERT|_SIGNATURE|^ERR_(TLS|SSL|OSSL)/.test(code);
}

/** Returns the signal's reason, wrapped in an Error if it is something else. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}

/** Throws the signal's reason if it is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}

/**
 * Translates a failed call into the error to throw: the signal's reason if it is aborted, `EngineUnavailableError` if no
 * engine answers or the connection was lost, else `EngineError`. LayersmithErrors are returned unchanged.
 */
export function translateError(error: unknown, context: CallContext): Error {
  if (context.signal?.aborted === true) return abortReason(context.signal);
  if (error instanceof LayersmithError) return error;
  const code = codeOf(error);
  const known = UNAVAILABLE[code];
  if (known !== undefined) {
    return new EngineUnavailableError(
      `cannot ${context.doing}: the container engine at ${context.endpoint} is not available: ${known.why}`,
      { hint: known.hint, cause: error },
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  if (isTlsCode(code)) {
    return new EngineUnavailableError(
      `cannot ${context.doing}: no trusted TLS connection to the container engine at ${context.endpoint}: ${message}`,
      { hint: 'Check the certificates in DOCKER_CERT_PATH, or those of the Docker context.', cause: error },
    );
  }
  return new EngineError(`cannot ${context.doing}: ${message}`, {
    hint: `Check that ${context.endpoint} is a container engine.`,
    cause: error,
  });
}

/** Creates the error that Node throws for a lost connection, for losses that only the received data shows. */
export function lostConnection(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function codeOf(error: unknown): string {
  // If several addresses were tried at once, Node throws an AggregateError with the code of the first failure.
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Returns the error for an HTTP answer that is not a success. `body` may be JSON or plain text. */
export function errorFromStatus(
  answer: { readonly statusCode: number; readonly body: string },
  context: CallContext,
): EngineError {
  const said = messageIn(answer.body) ?? STATUS_CODES[answer.statusCode] ?? 'no reason given';
  return new EngineError(`cannot ${context.doing}: ${said} (HTTP ${answer.statusCode})`, {
    statusCode: answer.statusCode,
    details: { engine: context.endpoint },
  });
}

/** Returns the `message` of an engine's JSON error, the text itself if it is not JSON, or undefined if it is empty. */
export function messageIn(body: string): string | undefined {
  return jsonMessage(body) ?? (body.trim().slice(0, 500) || undefined);
}

/** Returns the `message` of Docker's JSON error body, or undefined for any other body. */
export function jsonMessage(body: string): string | undefined {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string') {
      return json.message.trim() || undefined;
    }
  } catch {
    // Not JSON: from a proxy, or Podman's plain text.
  }
  return undefined;
}

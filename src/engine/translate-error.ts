import { STATUS_CODES } from 'node:http';

import { EngineError, EngineUnavailableError, LayersmithError } from '../core/errors.js';

/** What a call was for, for messages; see `EngineCall`. */
export interface CallContext {
  readonly endpoint: string;
  /** Completes "cannot …": `create a container`. */
  readonly doing: string;
  readonly signal?: AbortSignal | undefined;
}

/** What to do where nothing answers. */
export const START_HINT = 'Start the engine, or set DOCKER_HOST to one that runs.';
const GONE =
  'See whether the engine was stopped or restarted, then run the command again; finished stages are kept.';

/** What is wrong with a socket that exists and that this user may not open. */
export const PERMISSION_DENIED = 'permission denied';

/** Transport failures that mean that no engine is there, with what to do about each. */
const UNAVAILABLE: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  ENOENT: { why: 'there is no such socket', hint: START_HINT },
  ENOTSOCK: { why: 'it is not a socket', hint: START_HINT },
  ECONNREFUSED: { why: 'nothing listens there', hint: START_HINT },
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

/** True for the errors of Node's TLS that mean that one side does not trust the other. */
function isTlsCode(code: string): boolean {
  return /CERT|_SIGNATURE|^ERR_(TLS|SSL|OSSL)/.test(code);
}

/** The signal's reason, made an Error where the caller gave something else. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}

/** Throws the signal's reason if it is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}

/**
 * Turns what went wrong on the way to the engine into the error to throw: the signal's reason if it is
 * aborted, `EngineUnavailableError` if nobody is there or the connection broke, `EngineError` for the rest.
 * Errors of ours pass as they are.
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
    hint: `See whether a container engine is what answers at ${context.endpoint}.`,
    cause: error,
  });
}

/** What Node throws for a broken connection, where only what came over it shows that it is broken. */
export function lostConnection(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function codeOf(error: unknown): string {
  // Several addresses tried at once fail as an AggregateError that has the code of the first.
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The error for an HTTP answer that is not a success; `body` is what the engine said, JSON or not. */
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

/** The `message` of an engine's JSON error, the text itself where it is not JSON, undefined for nothing. */
export function messageIn(body: string): string | undefined {
  return jsonMessage(body) ?? (body.trim().slice(0, 500) || undefined);
}

/** The `message` of Docker's JSON error body, or undefined where the body is something else. */
export function jsonMessage(body: string): string | undefined {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string') {
      return json.message.trim() || undefined;
    }
  } catch {
    // Not JSON: a proxy in between, or Podman's plain text.
  }
  return undefined;
}

import { errorPayload, type FunctionError } from './function-error.js';
import type { InvocationOutcome } from './invocation.js';
import type { ProgramExit } from './relay-frames.js';
import type { ReportedFailure } from './report-lines.js';
import type { RuntimeAnswer } from './runtime-answer.js';
import { exitError } from './runtime-exit.js';

/** How an invocation ended, before it is reported. */
export interface InvocationEnding {
  readonly answer: RuntimeAnswer;
  readonly status: InvocationOutcome['status'];
  /** The failure that the REPORT line shows; undefined for an error that the function reported itself. */
  readonly failure: ReportedFailure | undefined;
  /** The log lines about it. */
  readonly lines: readonly string[];
}

/** Why a bootstrap did not start, or exited. */
export interface RuntimeFailure {
  readonly error: FunctionError;
  /** The error's JSON, for the invoker. */
  readonly payload: Buffer;
  /** Whether the bootstrap reported it itself. */
  readonly reported: boolean;
}

/** Returns the message of an error that Lambda itself reports, with Lambda's prefix. */
export function errorText(requestId: string | undefined, message: string): string {
  return requestId === undefined ? `Error: ${message}` : `RequestId: ${requestId} Error: ${message}`;
}

/** Returns the failure of a bootstrap that exited without an answer. */
export function exitFailure(exit: ProgramExit, requestId: string | undefined): RuntimeFailure {
  const { errorType, errorMessage } = exitError(exit);
  const error = { errorType, errorMessage: errorText(requestId, errorMessage), stackTrace: [] };
  return { error, payload: errorPayload(error), reported: false };
}

/** Returns the log lines of a failure. There are none if the bootstrap reported it, since it also prints it. */
export function failureLines({ error, reported }: RuntimeFailure): readonly string[] {
  return reported ? [] : [error.errorMessage, error.errorType];
}

/** Returns the ending of an invocation that the bootstrap answered. */
export function answeredEnding(answer: RuntimeAnswer): InvocationEnding {
  const { error, reported } = answer;
  return {
    answer,
    status: error === undefined ? 'success' : 'error',
    failure: error === undefined || reported ? undefined : { status: 'error', errorType: error.errorType },
    lines: [],
  };
}

/** Returns the ending of an invocation whose bootstrap failed; `streamed`: while it was streaming its answer. */
export function failedEnding(failure: RuntimeFailure, streamed: boolean): InvocationEnding {
  return {
    answer: { ...failure, contentType: 'application/json', streamed },
    status: 'error',
    failure: { status: 'error', errorType: failure.error.errorType },
    lines: failureLines(failure),
  };
}

/** Returns the log line of a timeout: `2023-11-14T22:13:20.000Z … Task timed out after 3.00 seconds`. */
export function timeoutLine(
  requestId: string,
  at: { readonly now: number; readonly timeoutMs: number },
): string {
  return `${new Date(at.now).toISOString()} ${requestId} ${timeoutText(at.timeoutMs)}`;
}

/** Returns the ending of an invocation that timed out; `streamed`: while it was streaming its answer. */
export function timeoutEnding(
  requestId: string,
  at: { readonly now: number; readonly timeoutMs: number; readonly streamed: boolean },
): InvocationEnding {
  const errorMessage = errorText(requestId, timeoutText(at.timeoutMs));
  const error = { errorType: 'Sandbox.Timedout', errorMessage, stackTrace: [] };
  const { streamed } = at;
  return {
    answer: {
      payload: errorPayload(error),
      contentType: 'application/json',
      streamed,
      error,
      reported: false,
    },
    status: 'timeout',
    failure: { status: 'timeout' },
    lines: [timeoutLine(requestId, at)],
  };
}

function timeoutText(timeoutMs: number): string {
  return `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
}

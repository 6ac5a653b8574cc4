import { SmokeError, type ErrorOptions } from '../core/errors.js';

/**
 * Why no answer came: the bootstrap ended, reported that it cannot start, or took too long to start or to
 * answer.
 */
export type FunctionFailureKind = 'exited' | 'init-error' | 'init-timeout' | 'timeout';

/** The function, or its bootstrap, is at fault: an invocation ended without an answer. */
export class FunctionFailure extends SmokeError {
  readonly kind: FunctionFailureKind;
  /** What the bootstrap said about it: with `init-error` only. */
  readonly error: FunctionError | undefined;

  constructor(
    kind: FunctionFailureKind,
    message: string,
    options: ErrorOptions & { readonly error?: FunctionError | undefined } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.error = options.error;
  }
}

/** An error as a function reports it to the Runtime API. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly stackTrace: readonly string[];
}

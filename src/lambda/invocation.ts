import type { FunctionError } from './function-error.js';

/** An event and what Lambda hands on with it. */
export interface InvocationRequest {
  /** The event's bytes, as the function gets them; Lambda takes JSON only, this side of it anything. */
  readonly event: Uint8Array;
  /** JSON, handed on in `Lambda-Runtime-Client-Context`. */
  readonly clientContext?: string | undefined;
  /** JSON, handed on in `Lambda-Runtime-Cognito-Identity`. */
  readonly cognitoIdentity?: string | undefined;
  /** Handed on in `Lambda-Runtime-Aws-Tenant-Id`. */
  readonly tenantId?: string | undefined;
  /** `Root=1-…;Parent=…;Sampled=…`; one is made when absent. */
  readonly traceId?: string | undefined;
}

/** Gets the answer of a function that streams it, as it comes. */
export interface ResponseSink {
  /** Before the first byte. */
  readonly begin: (head: { readonly contentType: string | undefined }) => void;
  /** The next bytes; those after wait until it is fulfilled. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
}

/** How one invocation ended. A function that fails is an outcome, not an exception. */
export interface InvocationOutcome {
  readonly requestId: string;
  readonly status: 'success' | 'error' | 'timeout';
  /**
   * What the invoker gets: the function's answer, or the error's JSON. Of a streamed answer: all of its bytes,
   * at most 6 MiB and 100, or nothing when a sink got them. One that is broken off (the time is over, the
   * bootstrap ended, the request was cut) has the error's JSON here, whatever a sink got before.
   */
  readonly payload: Buffer;
  readonly contentType: string | undefined;
  /** Did the function stream its answer? */
  readonly streamed: boolean;
  /** Undefined on success. */
  readonly error: FunctionError | undefined;
  readonly report: InvocationReport;
  /** The end of this invocation's log, at most 4 KiB, with its START, END and REPORT lines. */
  readonly logTail: Buffer;
}

/** What the REPORT line says. */
export interface InvocationReport {
  /** Of a cold start: from the bootstrap's start until it asked for its first event. */
  readonly initMs: number | undefined;
  readonly durationMs: number;
  /** Whole milliseconds, the init's included. */
  readonly billedMs: number;
  readonly memoryMb: number;
  /** Of the container so far; undefined where the engine's kernel does not tell. */
  readonly peakMemoryMb: number | undefined;
}

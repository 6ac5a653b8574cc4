import type { FunctionError } from './function-error.js';

/** An event, and the values that Lambda passes to the function with it. */
export interface InvocationRequest {
  /** The event's bytes, which are passed on unchanged. Lambda itself accepts only JSON. */
  readonly event: Uint8Array;
  /** JSON, passed on in `Lambda-Runtime-Client-Context`. */
  readonly clientContext?: string | undefined;
  /** JSON, passed on in `Lambda-Runtime-Cognito-Identity`. */
  readonly cognitoIdentity?: string | undefined;
  /** Passed on in `Lambda-Runtime-Aws-Tenant-Id`. */
  readonly tenantId?: string | undefined;
  /** `Root=1-…;Parent=…;Sampled=…`; generated if absent. */
  readonly traceId?: string | undefined;
  /** The id of the invocation, if the invoker chooses it: that of an HTTP request is also in its event. */
  readonly requestId?: string | undefined;
}

/** Receives a streamed answer while the function produces it. */
export interface ResponseSink {
  /** Called before the first byte. */
  readonly begin: (head: { readonly contentType: string | undefined }) => void;
  /** Receives the next bytes. It is not called again until it has resolved. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
}

/** How one invocation ended. A function that fails is an outcome, not an exception. */
export interface InvocationOutcome {
  readonly requestId: string;
  readonly status: 'success' | 'error' | 'timeout';
  /**
   * What the invoker receives: the function's answer, or the error as JSON. A streamed answer is here in full (at most
   * 6 MiB and 100 bytes), or empty if a sink received it. If the answer breaks off (timeout, exit of the bootstrap,
   * truncated request), this is the error as JSON, whatever a sink has received.
   */
  readonly payload: Buffer;
  readonly contentType: string | undefined;
  /** Whether the function streamed its answer. */
  readonly streamed: boolean;
  /** Undefined on success. */
  readonly error: FunctionError | undefined;
  readonly report: InvocationReport;
  /** The end of this invocation's log, at most 4 KiB, with its START, END and REPORT lines. */
  readonly logTail: Buffer;
}

/** The values of the REPORT line. */
export interface InvocationReport {
  /** The duration of a cold start: from the bootstrap's start until it asked for its first event. */
  readonly initMs: number | undefined;
  readonly durationMs: number;
  /** In whole milliseconds, including the init. */
  readonly billedMs: number;
  readonly memoryMb: number;
  /** The peak of the container so far; undefined if the kernel does not report it. */
  readonly peakMemoryMb: number | undefined;
}

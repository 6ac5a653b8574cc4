import { createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { InternalError } from '../core/errors.js';
import { FunctionFailure, type FunctionError } from './function-failure.js';
import { parseFunctionError } from './function-error.js';

/** The most that a function may answer: 6 MiB and 100 bytes. */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100;

/** What a function answered. An error that it reported is an answer as well. */
export type InvocationResult =
  | { readonly kind: 'response'; readonly body: Buffer; readonly contentType: string | undefined }
  | { readonly kind: 'error'; readonly body: Buffer; readonly error: FunctionError };

export interface RuntimeApiOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A new request id for each invocation, in the form of a UUID. */
  readonly newRequestId: () => string;
  readonly functionArn: string;
  /** How long the function may take for one invocation. */
  readonly timeoutMs: number;
  /** How long the bootstrap may take until it asks for its first event. */
  readonly initTimeoutMs: number;
}

/**
 * Lambda's Runtime API (2018-06-01) for one bootstrap, in this process: an HTTP server that listens nowhere
 * and serves the connections that it is handed.
 */
export interface RuntimeApi {
  /** Serves HTTP on the connection. */
  connect(connection: Duplex): void;
  /**
   * Hands the event to the bootstrap and waits for its answer; one at a time. Rejects with `FunctionFailure`
   * when none can come, and with the signal's reason. After a rejection the API is stopped: what the
   * bootstrap still does is unknown, so a new one is needed.
   */
  invoke(event: Buffer | string, signal: AbortSignal): Promise<InvocationResult>;
  /** Fulfilled when the bootstrap asks for its first event; rejected like `invoke`. Starts the init timeout. */
  ready(): Promise<void>;
  /** There will be no more answers, for this reason. The first reason stands. */
  stop(reason: Error): void;
}

/** An event on its way: handed out or not, but not answered. */
interface Invocation {
  readonly id: string;
  readonly event: Buffer;
  readonly deadline: number;
  readonly resolve: (result: InvocationResult) => void;
  readonly reject: (reason: Error) => void;
}

/** Named as AWS names them in its answers. `Ready`: asks for an event; `ResponseSent`: answered, and has not asked again. */
type State = 'Started' | 'Ready' | 'Running' | 'RuntimeResponseSentState' | 'InitError';

/** A POST whose state is checked twice: before its body is read and after. */
type Report = 'response' | 'error' | 'init';

const REPORT_STATES = {
  response: 'InvocationResponse',
  error: 'InvocationErrorResponse',
  init: 'InitError',
} as const satisfies Record<Report, string>;

export function createRuntimeApi(options: RuntimeApiOptions): RuntimeApi {
  let state: State = 'Started';
  let stopped: Error | undefined;
  /** The id of the last event handed out; it stays until the next one is. */
  let currentId: string | undefined;
  let invocation: Invocation | undefined;
  /** Requests for the next event that are not answered yet. */
  let waiting: ServerResponse[] = [];
  let initTimer: NodeJS.Timeout | undefined;
  let markReady: () => void = () => undefined;
  let failReady: (reason: Error) => void = () => undefined;
  const asked = new Promise<void>((resolve, reject) => {
    markReady = resolve;
    failReady = reject;
  });
  asked.catch(() => undefined);

  const stop = (reason: Error): void => {
    if (stopped !== undefined) return;
    stopped = reason;
    clearTimeout(initTimer);
    failReady(reason);
    invocation?.reject(reason);
    invocation = undefined;
    for (const response of waiting) response.destroy();
    waiting = [];
  };

  const ready = (): Promise<void> => {
    if (state === 'Started' && stopped === undefined && initTimer === undefined) {
      initTimer = setTimeout(() => {
        stop(
          new FunctionFailure(
            'init-timeout',
            `the bootstrap did not ask for an event within ${options.initTimeoutMs / 1000} s of its start`,
          ),
        );
      }, options.initTimeoutMs);
    }
    return asked;
  };

  const sendEvent = (response: ServerResponse, { id, event, deadline }: Invocation): void => {
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': event.length,
      'Lambda-Runtime-Aws-Request-Id': id,
      'Lambda-Runtime-Deadline-Ms': deadline,
      'Lambda-Runtime-Invoked-Function-Arn': options.functionArn,
      'Lambda-Runtime-Trace-Id': traceId(id, options.now()),
    });
    response.end(event);
  };

  const handOut = (): void => {
    if (state !== 'Ready' || invocation === undefined) return;
    const response = waiting.shift();
    if (response === undefined) return;
    state = 'Running';
    currentId = invocation.id;
    sendEvent(response, invocation);
  };

  const next = (response: ServerResponse): void => {
    if (state === 'InitError') {
      refuseTransition(response, state, 'Ready');
      return;
    }
    // A bootstrap that lost the answer asks again, and gets the same event.
    if (state === 'Running' && invocation !== undefined) {
      sendEvent(response, invocation);
      return;
    }
    if (state === 'Started') {
      clearTimeout(initTimer);
      markReady();
    }
    state = 'Ready';
    waiting.push(response);
    response.once('close', () => {
      waiting = waiting.filter((other) => other !== response);
    });
    handOut();
  };

  /** Does the report come at the wrong time? Then it is refused, and true. */
  const refuse = (response: ServerResponse, report: Report, id: string | undefined): boolean => {
    if (report !== 'init' && id !== currentId) {
      refuseWith(response, 400, 'InvalidRequestID', 'Invalid request ID');
      return true;
    }
    if (state === (report === 'init' ? 'Started' : 'Running')) return false;
    refuseTransition(response, state, REPORT_STATES[report]);
    return true;
  };

  const answer = (result: InvocationResult): void => {
    const answered = invocation;
    invocation = undefined;
    state = 'RuntimeResponseSentState';
    answered?.resolve(result);
  };

  const accept = (response: ServerResponse, report: Report, request: IncomingMessage, body: Buffer): void => {
    if (report === 'init') {
      state = 'InitError';
      const error = parseFunctionError(body, request.headers);
      const message = `the bootstrap could not start: ${error.errorType}: ${error.errorMessage}`;
      stop(new FunctionFailure('init-error', message, { error, details: { stack: error.stackTrace } }));
    } else if (report === 'error') {
      answer({ kind: 'error', body, error: parseFunctionError(body, request.headers) });
    } else {
      answer({ kind: 'response', body, contentType: request.headers['content-type'] });
    }
    sendJson(response, 202, { status: 'OK' });
  };

  const report = (
    kind: Report,
    request: IncomingMessage,
    response: ServerResponse,
    id: string | undefined,
  ): void => {
    if (refuse(response, kind, id)) {
      request.resume();
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_RESPONSE_BYTES) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.on('end', () => {
      if (refuse(response, kind, id)) return;
      if (length <= MAX_RESPONSE_BYTES) {
        accept(response, kind, request, Buffer.concat(chunks));
        return;
      }
      const errorMessage = `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`;
      const error = { errorType: 'Function.ResponseSizeTooLarge', errorMessage, stackTrace: [] };
      answer({ kind: 'error', body: Buffer.from(JSON.stringify(error)), error });
      refuseWith(
        response,
        413,
        'RequestEntityTooLarge',
        `Exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
      );
    });
  };

  const route = (request: IncomingMessage, response: ServerResponse): void => {
    if (stopped !== undefined && state !== 'InitError') {
      request.socket.destroy();
      return;
    }
    const path =
      /^\/2018-06-01\/runtime\/(?:invocation\/(next)|invocation\/([^/]+)\/(response|error)|init\/(error))$/.exec(
        request.url ?? '',
      );
    const [, nextEvent, id, kind] = path ?? [];
    if (path === null) refuseRoute(request, response, 404);
    else if (request.method !== (nextEvent === undefined ? 'POST' : 'GET'))
      refuseRoute(request, response, 405);
    else if (nextEvent !== undefined) next(response);
    else report(kind === 'response' || kind === 'error' ? kind : 'init', request, response, id);
  };

  // Nothing here is on a clock but the function: a bootstrap may wait for its next event for hours.
  const server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }, route);
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });

  return {
    connect: (connection) => {
      server.emit('connection', connection);
    },
    ready,
    stop,
    invoke: async (event, signal) => {
      signal.throwIfAborted();
      if (invocation !== undefined) throw new InternalError('a function was invoked before it answered');
      const onAbort = (): void => {
        stop(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      let timer: NodeJS.Timeout | undefined;
      try {
        await ready();
        if (stopped !== undefined) throw stopped;
        return await new Promise<InvocationResult>((resolve, reject) => {
          invocation = {
            id: options.newRequestId(),
            event: Buffer.from(event),
            deadline: options.now() + options.timeoutMs,
            resolve,
            reject,
          };
          timer = setTimeout(() => {
            stop(
              new FunctionFailure(
                'timeout',
                `the function did not answer within its ${options.timeoutMs / 1000} s`,
              ),
            );
          }, options.timeoutMs);
          handOut();
        });
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

/** A trace id in X-Ray's form, made of the request's id; nothing is sampled. */
function traceId(requestId: string, now: number): string {
  const hex = requestId.replaceAll(/[^0-9a-f]/gi, '').padEnd(32, '0');
  const seconds = Math.floor(now / 1000)
    .toString(16)
    .padStart(8, '0');
  return `Root=1-${seconds}-${hex.slice(0, 24)};Parent=${hex.slice(16, 32)};Sampled=0`;
}

function refuseTransition(response: ServerResponse, from: string, to: string): void {
  const why = `State transition from ${from} to ${to} failed for runtime. Error: State transition is not allowed`;
  refuseWith(response, 403, 'InvalidStateTransition', why);
}

function refuseWith(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  sendJson(response, status, { errorMessage, errorType });
}

function refuseRoute(request: IncomingMessage, response: ServerResponse, status: 404 | 405): void {
  request.resume();
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${status} ${STATUS_CODES[status] ?? ''}\n`);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body);
}

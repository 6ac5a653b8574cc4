import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { InternalError } from '../core/errors.js';
import { RUNTIME_API_HEADERS, RUNTIME_API_PATH } from '../core/runtime-api.js';
import { eventHeaders, type RuntimeEvent } from './event-headers.js';
import { parseFunctionError, type FunctionError } from './function-error.js';
import type { ResponseSink } from './invocation.js';
import { bufferBody, streamBody } from './request-body.js';
import * as answers from './runtime-api-answers.js';
import {
  errorAnswer,
  invalidModeAnswer,
  responseAnswer,
  tooLongAnswer,
  truncatedAnswer,
  type RuntimeAnswer,
} from './runtime-answer.js';

/** The limit of Go's server. Headers can be long: the cause of an error is in one. */
const MAX_HEADER_BYTES = 1024 * 1024;

/** The callbacks of the Runtime API. */
export interface RuntimeApiOptions {
  /** Called when the bootstrap asks for an event: first after its init, then after each answer. */
  readonly onReady: () => void;
  /** Called with the answer to the current event. */
  readonly onAnswer: (answer: RuntimeAnswer) => void;
  /** Called when the bootstrap reports that its init failed. */
  readonly onInitError: (failure: InitError) => void;
}

/** An error that was posted to `/init/error`. */
export interface InitError {
  readonly error: FunctionError;
  readonly payload: Buffer;
}

/**
 * Lambda's Runtime API (2018-06-01) for one run of a bootstrap: an HTTP server without a port, which serves the connections
 * given to `connect`. It has no time limits; the caller sets them.
 */
export interface RuntimeApi {
  /** Serves HTTP on the connection. Invalid data can end the connection, but never throws. */
  connect(connection: Duplex): void;
  /** Whether the bootstrap is waiting for an event. */
  readonly isReady: boolean;
  /** Whether the bootstrap has started, but not finished, an answer. */
  readonly answering: boolean;
  /**
   * Sends the event to the bootstrap, which must have asked for it. `onAnswer` is called later, unless the bootstrap ends.
   * The sink receives a streamed answer.
   */
  invoke(event: RuntimeEvent, sink: ResponseSink | undefined): void;
  /** Drops every connection. No callback is called afterwards. */
  close(): void;
}

/** The states of a bootstrap, by the names in AWS's error messages. */
type State =
  | 'Started'
  | 'InitError'
  | 'Ready'
  | 'Running'
  | 'InvocationResponse'
  | 'InvocationErrorResponse'
  | 'RuntimeResponseSentState';

const ROUTES = new RegExp(
  `^${RUNTIME_API_PATH}(?:invocation/(next)|invocation/([^/?]*)/(response|error)|init/(error))(?:\\?.*)?$`,
  's',
);

/** Creates the Runtime API for one run of a bootstrap. */
export function createRuntimeApi(options: RuntimeApiOptions): RuntimeApi {
  let state: State = 'Started';
  let closed = false;
  /** The id of the last event, until the bootstrap asks for the next one. */
  let currentId: string | undefined;
  let event: RuntimeEvent | undefined;
  let sink: ResponseSink | undefined;
  /** Pending requests for the next event. */
  let waiting: ServerResponse[] = [];
  const connections = new Set<Duplex>();
  /** The last response of each connection, sent or pending. */
  const lastAnswers = new WeakMap<Duplex, ServerResponse>();

  const sendEvent = (response: ServerResponse, delivered: RuntimeEvent): void => {
    response.writeHead(200, eventHeaders(delivered));
    response.end(delivered.event);
  };

  const deliver = (): void => {
    if (state !== 'Ready' || event === undefined) return;
    // Skips requests that have been answered with an error in the meantime.
    const response = waiting.find(({ headersSent }) => !headersSent);
    if (response === undefined) return;
    waiting = waiting.filter((other) => other !== response);
    state = 'Running';
    sendEvent(response, event);
  };

  const next = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    // A bootstrap that lost the answer can ask again, and receives the same event.
    if (state === 'Running' && event !== undefined) {
      sendEvent(response, event);
      return;
    }
    if (state !== 'Started' && state !== 'Ready' && state !== 'RuntimeResponseSentState') {
      answers.refuseTransition(response, { from: state, to: 'Ready' });
      return;
    }
    const first = state !== 'Ready';
    state = 'Ready';
    if (first) currentId = undefined;
    waiting.push(response);
    // The event must not go to a connection that the bootstrap has closed: it may be waiting on another one.
    const hungUp = (): void => {
      response.destroy();
    };
    socket.once('end', hungUp);
    response.once('close', () => {
      socket.off('end', hungUp);
      waiting = waiting.filter((other) => other !== response);
    });
    if (first) options.onReady();
    deliver();
  };

  const answer = (given: RuntimeAnswer, nextState: State = 'RuntimeResponseSentState'): void => {
    state = nextState;
    event = undefined;
    sink = undefined;
    options.onAnswer(given);
  };

  const report = async (
    kind: 'response' | 'error',
    { request, response, id }: { request: IncomingMessage; response: ServerResponse; id: string },
  ): Promise<void> => {
    if (id !== currentId) {
      request.resume();
      answers.refuseId(response);
      return;
    }
    const to = kind === 'response' ? 'InvocationResponse' : 'InvocationErrorResponse';
    if (state !== 'Running') {
      request.resume();
      answers.refuseTransition(response, { from: state, to });
      return;
    }
    state = to;
    const mode = header(request, RUNTIME_API_HEADERS.responseMode) ?? '';
    if (kind === 'response' && mode !== '' && mode !== 'streaming') {
      request.resume();
      // The state does not change any more, so only a new bootstrap can continue (RIE, `invocationresponse.go`).
      answer(invalidModeAnswer(), to);
      answers.refuseResponseMode(response);
      return;
    }
    const streamed = kind === 'response' && mode === 'streaming';
    const streamedTo = streamed ? sink : undefined;
    const body = await (streamedTo === undefined
      ? bufferBody(request, answers.MAX_RESPONSE_BYTES)
      : streamBody(request, streamedTo));
    if (closed) return;
    if (body.status === 'too-long') {
      answer(tooLongAnswer());
      answers.refuseSize(response);
    } else if (body.status === 'truncated') {
      answer(truncatedAnswer(streamed));
      answers.refuseTruncated(response);
    } else {
      const posted = { request, bytes: body.bytes, streamed };
      answer(kind === 'response' ? responseAnswer(posted) : errorAnswer(posted));
      answers.accept(response);
    }
  };

  const initError = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bufferBody(request, answers.MAX_RESPONSE_BYTES);
    if (closed) return;
    if (body.status === 'truncated') {
      answers.refuseTruncated(response);
    } else if (state !== 'Started') {
      answers.refuseTransition(response, { from: state, to: 'InitError' });
    } else {
      state = 'InitError';
      const type = header(request, RUNTIME_API_HEADERS.errorType);
      options.onInitError({ error: parseFunctionError(body.bytes, type), payload: body.bytes });
      answers.accept(response);
    }
  };

  const route = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers.host === undefined && request.httpVersion !== '1.0') {
      request.resume();
      answers.refuseHostless(response);
      return;
    }
    const match = ROUTES.exec(request.url ?? '');
    if (match === null) {
      answers.answerOtherPath(request, response);
      return;
    }
    const [, asksForNext, id, kind] = match;
    const method = asksForNext === undefined ? 'POST' : 'GET';
    if (request.method !== method) {
      request.resume();
      answers.refuseMethod(response, method);
    } else if (asksForNext !== undefined) {
      request.resume();
      next(request, response);
    } else if (id !== undefined && (kind === 'response' || kind === 'error')) {
      void report(kind, { request, response, id });
    } else {
      void initError(request, response);
    }
  };

  /** Handles the requests of a connection one after the other, as Go's server does. Node would handle them at once. */
  const inTurn = (request: IncomingMessage, response: ServerResponse): void => {
    // The connection may be lost at any time; the code that reads the request handles it.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const { socket } = request;
    const last = lastAnswers.get(socket);
    lastAnswers.set(socket, response);
    if (last === undefined || last.writableFinished || last.destroyed) route(request, response);
    else
      last.once('close', () => {
        if (!response.headersSent) route(request, response);
      });
  };

  // Without time limits: a bootstrap may wait for its next event for hours.
  const server = createServer(
    {
      ...{ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 },
      maxHeaderSize: MAX_HEADER_BYTES,
      requireHostHeader: false,
    },
    inTurn,
  );
  // A client that has closed its sending side still receives its answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    answers.refuseExpectation(response);
  });
  server.on('clientError', (_error, socket) => {
    const response = lastAnswers.get(socket);
    if (response === undefined || response.writableFinished || response.destroyed) {
      answers.refuseBytes(socket);
    } else if (response.req.complete) {
      // The invalid bytes follow a complete request, which must be answered first.
      response.once('finish', () => {
        answers.refuseBytes(socket);
      });
    } else {
      // Send the answer first: destroying the request, which stops reading its body, destroys the connection.
      response.once('finish', () => socket.end(() => response.req.destroy()));
      answers.refuseTruncated(response);
    }
  });

  return {
    connect: (connection) => {
      connections.add(connection);
      connection.once('close', () => {
        connections.delete(connection);
      });
      // The server only listens for errors while it parses a request.
      connection.on('error', () => undefined);
      server.emit('connection', connection);
    },
    get isReady() {
      return state === 'Ready';
    },
    get answering() {
      return event !== undefined && state !== 'Ready' && state !== 'Running';
    },
    invoke: (given, to) => {
      if (state !== 'Ready' || event !== undefined)
        throw new InternalError('cannot send an event to a bootstrap that did not ask for one');
      event = given;
      sink = to;
      currentId = given.requestId;
      deliver();
    },
    close: () => {
      closed = true;
      for (const connection of connections) connection.destroy();
    },
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return typeof value === 'string' ? value : value?.[0];
}

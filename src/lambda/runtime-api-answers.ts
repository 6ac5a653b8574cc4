import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** The maximum size of a function's answer: 6 MiB and 100 bytes (RIE, `interop/model.go`). */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100;

// The texts are RIE's: `rapi/rendering/render_error.go` and `rapi/handler/`.

/** Sends 202: the answer or error was accepted. */
export function accept(response: ServerResponse): void {
  sendJson(response, 202, { status: 'OK' });
}

/** Sends 400: the id is not that of the current invocation. */
export function refuseId(response: ServerResponse): void {
  refuse(response, 400, { errorMessage: 'Invalid request ID', errorType: 'InvalidRequestID' });
}

/** Sends 403: the request is not allowed in the bootstrap's current state. */
export function refuseTransition(
  response: ServerResponse,
  { from, to }: { readonly from: string; readonly to: string },
): void {
  refuse(response, 403, {
    errorMessage: `State transition from ${from} to ${to} failed for runtime. Error: State transition is not allowed`,
    errorType: 'InvalidStateTransition',
  });
}

/** Sends 400: the header names an unknown response mode. */
export function refuseResponseMode(response: ServerResponse): void {
  const errorMessage = 'Invalid function response mode';
  refuse(response, 400, { errorMessage, errorType: 'InvalidFunctionResponseMode' });
}

/** Sends 413: the answer is too long. */
export function refuseSize(response: ServerResponse): void {
  refuse(response, 413, {
    errorMessage: `Exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
    errorType: 'RequestEntityTooLarge',
  });
}

/** Sends 400: the body of the request is truncated. Closes the connection. */
export function refuseTruncated(response: ServerResponse): void {
  if (response.headersSent) return;
  response.setHeader('Connection', 'close');
  const errorMessage = 'HTTP request detected as truncated';
  refuse(response, 400, { errorMessage, errorType: 'TruncatedHTTPRequest' });
}

/**
 * Answers requests for paths outside the Runtime API, as RIE does without extensions (`rapi/router.go`): the Extensions API
 * is not found, and the Logs and Telemetry APIs report that they are not supported.
 */
export function answerOtherPath(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const path = (request.url ?? '').replace(/\?.*/s, '');
  const { method } = request;
  if (path === '/2018-06-01/ping') {
    if (method === 'GET') sendText(response, 200, 'pong');
    else refuseMethod(response, 'GET');
  } else if (path === '/2020-08-15/logs' || path === '/2022-07-01/telemetry') {
    const [api, what] = path.endsWith('logs') ? ['Logs', 'Logs API'] : ['Telemetry', 'Telemetry API'];
    const body = { errorMessage: `${what} is not supported`, errorType: `${api}.NotSupported` };
    if (method === 'PUT') sendJson(response, 202, body);
    else refuseMethod(response, 'PUT');
  } else if (path.startsWith('/2020-01-01/')) {
    response.writeHead(404, { 'Content-Length': 0 }).end();
  } else {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    sendText(response, 404, '404 page not found\n');
  }
}

/** Sends 405 without a body. */
export function refuseMethod(response: ServerResponse, allowed: 'GET' | 'POST' | 'PUT'): void {
  response.writeHead(405, { Allow: allowed, 'Content-Length': 0 }).end();
}

/** Sends 417 without a body: the `Expect` header has a value other than `100-continue`. */
export function refuseExpectation(response: ServerResponse): void {
  response.writeHead(417, { 'Content-Length': 0 }).end();
}

/** Sends 400: HTTP/1.1 requires a Host header. The text is that of Go's server; Node's answer has none. */
export function refuseHostless(response: ServerResponse): void {
  response.setHeader('Connection', 'close');
  sendText(response, 400, '400 Bad Request: missing required Host header');
}

/** Sends 400 in the format of Go's server for bytes that are not HTTP, and closes the connection. */
export function refuseBytes(socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(
    'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request',
  );
}

function refuse(
  response: ServerResponse,
  status: 400 | 403 | 413,
  body: { readonly errorMessage: string; readonly errorType: string },
): void {
  sendJson(response, status, body);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  // An error was already sent while the request was read.
  if (response.headersSent) return;
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  // Go uses the older name of this status.
  if (status === 413) response.statusMessage = 'Request Entity Too Large';
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

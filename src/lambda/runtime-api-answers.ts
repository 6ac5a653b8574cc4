import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** The most that a function may answer: 6 MiB and 100 bytes (RIE, `interop/model.go`). */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100;

// The texts are RIE's: `rapi/rendering/render_error.go` and `rapi/handler/`.

/** 202: a report was taken. */
export function accept(response: ServerResponse): void {
  sendJson(response, 202, { status: 'OK' });
}

/** 400: the id is not that of the invocation that is being worked on. */
export function refuseId(response: ServerResponse): void {
  refuse(response, 400, { errorMessage: 'Invalid request ID', errorType: 'InvalidRequestID' });
}

/** 403: the bootstrap is not at the point where it may ask that. */
export function refuseTransition(
  response: ServerResponse,
  { from, to }: { readonly from: string; readonly to: string },
): void {
  refuse(response, 403, {
    errorMessage: `State transition from ${from} to ${to} failed for runtime. Error: State transition is not allowed`,
    errorType: 'InvalidStateTransition',
  });
}

/** 400: the header names a mode of response that there is not. */
export function refuseResponseMode(response: ServerResponse): void {
  const errorMessage = 'Invalid function response mode';
  refuse(response, 400, { errorMessage, errorType: 'InvalidFunctionResponseMode' });
}

/** 413: the answer is too long. */
export function refuseSize(response: ServerResponse): void {
  refuse(response, 413, {
    errorMessage: `Exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
    errorType: 'RequestEntityTooLarge',
  });
}

/** 400: the request's body stopped before its end. No other request can follow on the connection. */
export function refuseTruncated(response: ServerResponse): void {
  if (response.headersSent) return;
  response.setHeader('Connection', 'close');
  const errorMessage = 'HTTP request detected as truncated';
  refuse(response, 400, { errorMessage, errorType: 'TruncatedHTTPRequest' });
}

/**
 * Paths that are not the Runtime API's. As where extensions are off: their API is not found, and those for logs
 * and telemetry say politely that there are none (RIE, `rapi/router.go`).
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

/** 405, without a body. */
export function refuseMethod(response: ServerResponse, allowed: 'GET' | 'POST' | 'PUT'): void {
  response.writeHead(405, { Allow: allowed, 'Content-Length': 0 }).end();
}

/** 417, without a body: the client expects something else than to be asked for its body. */
export function refuseExpectation(response: ServerResponse): void {
  response.writeHead(417, { 'Content-Length': 0 }).end();
}

/** 400: HTTP/1.1 wants to know the host, and Go's server says so; Node's says nothing. */
export function refuseHostless(response: ServerResponse): void {
  response.setHeader('Connection', 'close');
  sendText(response, 400, '400 Bad Request: missing required Host header');
}

/** What is not HTTP is told so, in the form of Go's server, and the connection is closed. */
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
  // The connection broke while the request was read, and that was answered.
  if (response.headersSent) return;
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  // Go has the older name for it.
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

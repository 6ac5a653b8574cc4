import type { IncomingMessage, ServerResponse } from 'node:http';
import { eventStreamMessage } from './event-stream.js';
import { failureText } from './failure-text.js';
import type { InvocationOutcome } from './invocation.js';
import { InvokeRefusal, parseInvocation, type ParsedInvocation } from './invocation-request.js';
import { isLocalHost, openLoopbackServer, roomIn, type LoopbackServer } from './loopback-server.js';
import type { Sandbox } from './sandbox.js';

/** The function that is served, and where. */
export interface InvocationEndpointOptions {
  readonly sandbox: Pick<Sandbox, 'invoke'>;
  /** The port on 127.0.0.1; 0 for any free port. */
  readonly port: number;
  readonly newRequestId: () => string;
  /** Receives failures that no client sees: those of asynchronous invocations, and those of the engine. */
  readonly onLog: (line: string) => void;
}

/** The only version is `$LATEST`. */
const VERSION = { 'X-Amz-Executed-Version': '$LATEST' };
const INVOCATIONS = /^\/2015-03-31\/functions\/[^/]+\/invocations\/?$/;
const STREAMING = /^\/2021-11-15\/functions\/[^/]+\/response-streaming-invocations\/?$/;

/**
 * Serves Lambda's Invoke and InvokeWithResponseStream for one function, under any name, so that SDKs can use it as their
 * endpoint. Throws UsageError if the port is not available.
 */
export async function openInvocationEndpoint(options: InvocationEndpointOptions): Promise<LoopbackServer> {
  return openLoopbackServer({ port: options.port, flag: '--port' }, (request, response) => {
    void serve(request, { ...options, response });
  });
}

interface Exchange extends InvocationEndpointOptions {
  readonly response: ServerResponse;
}

async function serve(message: IncomingMessage, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  // A client that disconnects is not an error, and its invocation continues, as on Lambda.
  response.on('error', () => undefined);
  message.on('error', () => undefined);
  response.setHeader('X-Amzn-RequestId', exchange.newRequestId());
  try {
    checkLocalCaller(message);
    const streaming = routeOf(message);
    const invocation = await parseInvocation(message);
    if (invocation.type === 'DryRun') response.writeHead(204, VERSION).end();
    else if (streaming) await invokeStreaming(invocation, exchange);
    else if (invocation.type === 'Event') invokeLater(invocation, exchange);
    else await invokeNow(invocation, exchange);
  } catch (error) {
    if (message.errored === null) refuse(error, exchange);
  }
}

/** Reports whether a request is a streaming invocation. Throws InvokeRefusal if it is not an invocation. */
function routeOf({ url = '', method = '' }: IncomingMessage): boolean {
  const path = url.replace(/\?.*$/s, '');
  const streaming = STREAMING.test(path);
  if (!streaming && !INVOCATIONS.test(path)) {
    throw new InvokeRefusal(
      404,
      'ResourceNotFoundException',
      `no resource at ${path}: invoke the function with POST /2015-03-31/functions/function/invocations`,
    );
  }
  if (method !== 'POST')
    throw new InvokeRefusal(405, 'MethodNotAllowedException', `${method} is not allowed here: use POST`);
  return streaming;
}

/**
 * Rejects requests that a web page could send: those with a Host other than this machine (DNS rebinding), those with an
 * Origin other than the Host, and those that a browser marks as cross-site. SDKs and curl send the right Host and none of the other headers. Throws InvokeRefusal.
 */
function checkLocalCaller({ headers }: IncomingMessage): void {
  const forbidden = (why: string): InvokeRefusal =>
    new InvokeRefusal(
      403,
      'AccessDeniedException',
      `${why}: this endpoint serves programs on this machine only`,
    );
  const { origin } = headers;
  const host = (headers.host ?? '').toLowerCase();
  if (!isLocalHost(host)) throw forbidden(`the Host header '${host}' names another machine`);
  if (origin !== undefined && origin.toLowerCase() !== `http://${host}`)
    throw forbidden(`the request comes from the web page ${origin}`);
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw forbidden('the request comes from a web page of another site');
}

async function invokeNow({ request, tail }: ParsedInvocation, exchange: Exchange): Promise<void> {
  const { sandbox, response } = exchange;
  const outcome = await sandbox.invoke(request);
  response.writeHead(200, {
    ...VERSION,
    'X-Amzn-RequestId': outcome.requestId,
    'Content-Type': typeOfAnswer(outcome),
    'Content-Length': outcome.payload.length,
    ...(outcome.status === 'success' ? {} : { 'X-Amz-Function-Error': 'Unhandled' }),
    ...(tail ? { 'X-Amz-Log-Result': outcome.logTail.toString('base64') } : {}),
  });
  response.end(outcome.payload);
}

function typeOfAnswer({ status, contentType }: InvocationOutcome): string {
  return (status === 'success' ? contentType : undefined) ?? 'application/json';
}

/** Invokes asynchronously. Lambda retries a failed invocation twice, minutes later; here the failure is logged instead. */
function invokeLater({ request }: ParsedInvocation, { sandbox, response, onLog }: Exchange): void {
  response.writeHead(202, VERSION).end();
  sandbox.invoke(request).then(
    ({ requestId, error }) => {
      if (error !== undefined)
        onLog(`the asynchronous invocation ${requestId} failed: ${error.errorMessage}`);
    },
    (error: unknown) => {
      onLog(`an asynchronous invocation was lost: ${failureText(error)}`);
    },
  );
}

/**
 * Invokes and sends the answer as events: a `PayloadChunk` for each piece, then `InvokeComplete`. The answer of a function
 * that does not stream is one piece.
 */
async function invokeStreaming({ request, tail }: ParsedInvocation, exchange: Exchange): Promise<void> {
  const { sandbox, response } = exchange;
  const begin = (): void => {
    if (!response.headersSent)
      response.writeHead(200, { ...VERSION, 'Content-Type': 'application/vnd.amazon.eventstream' });
  };
  const send = async (event: string, { type, bytes }: { type: string; bytes: Uint8Array }): Promise<void> => {
    const headers = { ':message-type': 'event', ':event-type': event, ':content-type': type };
    begin();
    if (response.destroyed || response.write(eventStreamMessage(headers, bytes))) return;
    await roomIn(response);
  };
  const write = (bytes: Uint8Array): Promise<void> =>
    send('PayloadChunk', { type: 'application/octet-stream', bytes });
  let outcome: InvocationOutcome;
  try {
    outcome = await sandbox.invoke(request, { begin, write });
  } catch (error) {
    // An error status cannot be sent once the answer has started.
    if (response.headersSent) response.destroy();
    throw error;
  }
  const { error, payload } = outcome;
  if (error === undefined && payload.length > 0) await write(payload);
  const details = payload.length > 0 ? payload.toString() : error?.errorMessage;
  const complete = {
    ...(error === undefined ? {} : { ErrorCode: error.errorType, ErrorDetails: details }),
    ...(tail ? { LogResult: outcome.logTail.toString('base64') } : {}),
  };
  await send('InvokeComplete', { type: 'application/json', bytes: Buffer.from(JSON.stringify(complete)) });
  response.end();
}

function refuse(error: unknown, { response, onLog }: Exchange): void {
  const refusal =
    error instanceof InvokeRefusal ? error : new InvokeRefusal(500, 'ServiceException', failureText(error));
  if (refusal !== error) onLog(`the invocation failed: ${refusal.message}`);
  if (response.headersSent || response.destroyed) return;
  const { statusCode, type, message } = refusal;
  const body = JSON.stringify({ Type: statusCode < 500 ? 'User' : 'Service', Message: message, message });
  response.writeHead(statusCode, {
    'Content-Type': 'application/json',
    'x-amzn-ErrorType': type,
    'Content-Length': Buffer.byteLength(body),
    ...(statusCode === 405 ? { Allow: 'POST' } : {}),
    ...(response.req.complete ? {} : { Connection: 'close' }),
  });
  response.end(body);
}

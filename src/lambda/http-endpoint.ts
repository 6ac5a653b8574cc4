import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { InterruptedError } from '../core/errors.js';
import { openAsset, type AssetPlace } from './asset-files.js';
import { failureText } from './failure-text.js';
import type { FunctionError } from './function-error.js';
import { errorPage } from './http-error-page.js';
import { httpEvent } from './http-event.js';
import { invokeForHttp } from './http-invocation.js';
import { requestOf } from './http-message.js';
import { groupByName, type HttpRequest } from './http-request.js';
import { headerBytes, HttpResponseError, type HttpResponseHead } from './http-response.js';
import { MAX_EVENT_BYTES } from './invocation-request.js';
import { isLocalHost, openLoopbackServer, roomIn, type LoopbackServer } from './loopback-server.js';
import { bufferBody } from './request-body.js';
import type { Sandbox } from './sandbox.js';

/** The function that is served, and where. */
export interface HttpEndpointOptions {
  readonly sandbox: Pick<Sandbox, 'invoke'>;
  /** The port on 127.0.0.1; 0 for any free port. */
  readonly port: number;
  /** Files that are served without the function. */
  readonly assets?: AssetPlace | undefined;
  readonly newRequestId: () => string;
  /** Returns the current time in milliseconds since 1970. */
  readonly now: () => number;
  /** Receives a line for each request, and for each failure. */
  readonly onLog: (line: string) => void;
}

/**
 * Serves HTTP with a function, as its function URL would. Requests wait for one another. Throws UsageError if the port is not
 * available.
 */
export async function openHttpEndpoint(options: HttpEndpointOptions): Promise<LoopbackServer> {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (task: () => Promise<void>): Promise<void> => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
  return openLoopbackServer({ port: options.port, flag: '--http' }, (message, response) => {
    void serve(message, { ...options, response, inTurn });
  });
}

interface Exchange extends HttpEndpointOptions {
  readonly response: ServerResponse;
  /** Runs a task when the tasks before it have ended. */
  readonly inTurn: (task: () => Promise<void>) => Promise<void>;
}

/** A request that is answered without the function, or whose function failed. */
class Failure extends Error {
  readonly statusCode: number;
  readonly error: FunctionError;

  constructor(statusCode: number, error: FunctionError) {
    super(error.errorMessage);
    this.statusCode = statusCode;
    this.error = error;
  }
}

async function serve(message: IncomingMessage, exchange: Exchange): Promise<void> {
  const { response, onLog } = exchange;
  const { method = '', url = '' } = message;
  // A client that disconnects is not an error, and its invocation continues, as on Lambda.
  response.on('error', () => undefined);
  message.on('error', () => undefined);
  let isSent = false;
  response.on('finish', () => {
    isSent = true;
  });
  response.on('close', () => {
    onLog(`${method} ${url} ${isSent ? response.statusCode : 'was cut off'}`);
  });
  try {
    checkHost(message);
    const target = targetOf(url);
    if (await sendAsset(target, exchange)) return;
    const body = await bufferBody(message, MAX_EVENT_BYTES);
    if (body.status === 'truncated') return;
    if (body.status === 'too-long') throw tooLarge();
    await answer(requestOf(message, { target, body: body.bytes }), exchange);
  } catch (error) {
    fail(error, exchange);
  }
}

/** Rejects requests for another host, which a web page could send (DNS rebinding). */
function checkHost({ headers }: IncomingMessage): void {
  const { host = '' } = headers;
  if (!isLocalHost(host))
    throw failure(403, 'Forbidden', `the Host header '${host}' names another machine: this server is local`);
}

/** Returns the path and query of a request line, which may also have a whole URL. */
function targetOf(url: string): string {
  if (url.startsWith('/')) return url;
  const [, rest] = /^https?:\/\/[^/?#]*(.*)$/is.exec(url) ?? [];
  if (rest === undefined) throw failure(400, 'BadRequest', `'${url}' is not a path`);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Answers with a file, if the request is for one. */
async function sendAsset(target: string, { assets, response }: Exchange): Promise<boolean> {
  const { method = '' } = response.req;
  if (assets === undefined || (method !== 'GET' && method !== 'HEAD')) return false;
  const asset = await openAsset(assets, target.replace(/\?.*/s, ''));
  if (asset === undefined) return false;
  const { file, sizeBytes, contentType } = asset;
  response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': sizeBytes });
  if (method === 'GET') await pipeline(file.createReadStream(), response).catch(() => undefined);
  else response.end();
  await file.close().catch(() => undefined);
  return true;
}

/** Invokes the function and sends its answer. A client that is gone before its turn is not answered. */
async function answer(request: HttpRequest, exchange: Exchange): Promise<void> {
  const { sandbox, response, inTurn, newRequestId, now } = exchange;
  const requestId = newRequestId();
  const event = httpEvent('url', request, { requestId, now: now() });
  if (event.length > MAX_EVENT_BYTES) throw tooLarge();
  response.setHeader('X-Amzn-RequestId', requestId);
  await inTurn(async () => {
    if (response.destroyed) return;
    const { outcome, problem } = await invokeForHttp(sandbox, {
      request: { event, requestId },
      format: 'url',
      sink: {
        head: (head, bodyBytes) => {
          sendHead(head, { response, bodyBytes });
        },
        write: async (bytes) => {
          if (response.destroyed || bytes.length === 0 || response.write(bytes)) return;
          await roomIn(response);
        },
      },
    });
    if (outcome.error !== undefined) throw new Failure(502, outcome.error);
    if (problem !== undefined) throw problem;
    response.end();
  });
}

function sendHead(
  { statusCode, headers }: HttpResponseHead,
  { response, bodyBytes }: { readonly response: ServerResponse; readonly bodyBytes: number | undefined },
): void {
  if (response.destroyed) return;
  // The length is known here, except that of the body that a HEAD request does not get.
  const isHead = response.req.method === 'HEAD';
  const sent = headers
    .map(([name, value]) => [name.toLowerCase(), headerBytes(value)] as const)
    .filter(([name]) => isHead || name !== 'content-length');
  for (const [name, values] of groupByName(sent)) response.setHeader(name, [...values]);
  if (!isHead && bodyBytes !== undefined && statusCode !== 204 && statusCode !== 304)
    response.setHeader('Content-Length', bodyBytes);
  response.writeHead(statusCode);
  if (bodyBytes === undefined) response.flushHeaders();
}

function tooLarge(): Failure {
  return failure(
    413,
    'RequestEntityTooLarge',
    `the event of this request has more than ${MAX_EVENT_BYTES} bytes, as Lambda's limit is`,
  );
}

function failure(statusCode: number, errorType: string, errorMessage: string): Failure {
  return new Failure(statusCode, { errorType, errorMessage, stackTrace: [] });
}

function fail(error: unknown, { response, onLog }: Exchange): void {
  // The command is ending: it says so itself, and closes the connections.
  if (error instanceof InterruptedError) return;
  const { statusCode, error: shown } = failureOf(error);
  if (!(error instanceof Failure)) onLog(shown.errorMessage);
  // An error status cannot be sent once the answer has started.
  if (response.headersSent) response.destroy();
  if (response.destroyed) return;
  const { contentType, body } = errorPage(shown, response.req.headers.accept);
  response.writeHead(statusCode, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    ...(response.req.complete ? {} : { Connection: 'close' }),
  });
  response.end(body);
}

function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof HttpResponseError) return failure(502, 'InvalidHttpResponse', error.message);
  return failure(500, 'InternalError', failureText(error));
}

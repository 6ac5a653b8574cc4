import { STATUS_CODES } from 'node:http';
import type { EventFormat } from '../lambda/http-event.js';
import { invokeForHttp, passOn, type HttpOutcome } from '../lambda/http-invocation.js';
import { groupByName } from '../lambda/http-request.js';
import type { HttpResponse, HttpResponseHead } from '../lambda/http-response.js';
import type { HttpSink } from '../lambda/http-response-stream.js';
import type { InvocationOutcome, InvocationRequest } from '../lambda/invocation.js';
import type { Sandbox } from '../lambda/sandbox.js';
import { invokeOften, jsonOf, printResult, type InvocationResult } from './invocation-result.js';
import type { Io } from './io.js';
import { latencyText } from './latency.js';
import { payloadOf } from './payload.js';

/** One or more invocations for an HTTP request, and how their result is printed. */
export interface HttpInvocation {
  readonly request: InvocationRequest;
  readonly format: EventFormat;
  readonly repeat: number;
  readonly json: boolean;
}

/**
 * Invokes a function for an HTTP request and prints the response as `curl -i` does, a streamed one while the function writes
 * it, or all about the invocation as JSON. A result that is not a response is printed unchanged, with a message on stderr.
 */
export async function invokeHttp(
  io: Io,
  sandbox: Sandbox,
  { request, format, repeat, json }: HttpInvocation,
): Promise<HttpOutcome> {
  const printer = printerTo(io);
  if (!json && repeat === 1) {
    const ended = await invokeForHttp(sandbox, { request, format, sink: printer });
    await finish(io, ended, { ...ended, printer });
    return ended;
  }
  const { requestId: _ofOne, ...any } = request;
  const result =
    repeat > 1
      ? await invokeOften(sandbox, { request: any, repeat })
      : { outcome: await sandbox.invoke(request) };
  if (!json) {
    const ended = await passOn(result.outcome, { format, sink: printer });
    await finish(io, ended, { ...result, printer });
    return ended;
  }
  const collector = collectorOf();
  const ended = await passOn(result.outcome, { format, sink: collector });
  io.out(`${JSON.stringify({ ...jsonOf(result), response: responseJson(collector.response()) })}\n`);
  complain(io, ended);
  return ended;
}

interface Printer extends HttpSink {
  /** The last byte that was printed; undefined before the head. */
  readonly last: () => number | undefined;
}

function printerTo(io: Io): Printer {
  let last: number | undefined;
  return {
    head: ({ statusCode, headers }) => {
      const lines = headers.map(([name, value]) => `${name}: ${value}`);
      const status = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trimEnd();
      io.out(`${[status, ...lines].join('\r\n')}\r\n\r\n`);
      last = NEWLINE;
    },
    write: async (bytes) => {
      last = bytes.at(-1) ?? last;
      await io.outBytes(bytes);
    },
    last: () => last,
  };
}

async function finish(
  io: Io,
  ended: HttpOutcome,
  { printer, latency }: InvocationResult & { readonly printer: Printer },
): Promise<void> {
  const { outcome } = ended;
  const last = printer.last();
  if (last === undefined) {
    await printResult(io, { outcome: { ...outcome, streamed: false } });
  } else {
    if (io.outIsTerminal && last !== NEWLINE) io.out('\n');
    if (outcome.error !== undefined) io.err(cutOff(outcome.error));
  }
  if (latency !== undefined) io.err(latencyText(latency));
  complain(io, ended);
}

function complain(io: Io, { problem }: HttpOutcome): void {
  if (problem !== undefined) io.err(`layersmith: ${problem.message}\n`);
}

function cutOff({ errorType, errorMessage }: NonNullable<InvocationOutcome['error']>): string {
  return `the response was cut off: ${errorType}: ${errorMessage}\n`;
}

function collectorOf(): HttpSink & { readonly response: () => HttpResponse | undefined } {
  let head: HttpResponseHead | undefined;
  const chunks: Uint8Array[] = [];
  return {
    head: (given) => {
      head = given;
    },
    write: (bytes) => {
      chunks.push(bytes);
      return Promise.resolve();
    },
    response: () => head && { ...head, body: Buffer.concat(chunks) },
  };
}

/** Header names are in lower case, each with the list of its values. */
function responseJson(response: HttpResponse | undefined): unknown {
  if (response === undefined) return undefined;
  const { statusCode, headers, body } = response;
  const { payload, payloadEncoding } = payloadOf(body);
  return {
    statusCode,
    headers: Object.fromEntries(groupByName(headers.map(([name, value]) => [name.toLowerCase(), value]))),
    bodyEncoding: payloadEncoding,
    body: payload,
  };
}

const NEWLINE = 0x0a;

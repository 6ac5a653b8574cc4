import type { EventFormat } from './http-event.js';
import { HttpResponseError, parseHttpResponse } from './http-response.js';
import { readHttpResponse, type HttpSink } from './http-response-stream.js';
import type { InvocationOutcome, InvocationRequest } from './invocation.js';
import type { Sandbox } from './sandbox.js';

/** How an invocation for an HTTP request ended. */
export interface HttpOutcome {
  readonly outcome: InvocationOutcome;
  /** Why the result of a function that succeeded is not an HTTP response. */
  readonly problem: HttpResponseError | undefined;
}

/**
 * Invokes a function with the event of an HTTP request, and passes its answer on as an HTTP response, a streamed one while the
 * function writes it. After a failure the sink receives nothing more.
 */
export async function invokeForHttp(
  sandbox: Pick<Sandbox, 'invoke'>,
  {
    request,
    format,
    sink,
  }: { readonly request: InvocationRequest; readonly format: EventFormat; readonly sink: HttpSink },
): Promise<HttpOutcome> {
  const reader = readHttpResponse(sink);
  const outcome = await sandbox.invoke(request, reader);
  if (!outcome.streamed) return passOn(outcome, { format, sink });
  return { outcome, problem: outcome.error === undefined ? reader.end() : undefined };
}

/** Passes a whole outcome on as an HTTP response. A failed one is not passed on. */
export async function passOn(
  outcome: InvocationOutcome,
  { format, sink }: { readonly format: EventFormat; readonly sink: HttpSink },
): Promise<HttpOutcome> {
  const { payload, contentType, streamed, error } = outcome;
  if (error !== undefined) return { outcome, problem: undefined };
  if (streamed) {
    const reader = readHttpResponse(sink);
    reader.begin({ contentType });
    await reader.write(payload);
    return { outcome, problem: reader.end() };
  }
  try {
    const { body, ...head } = parseHttpResponse(payload, format);
    sink.head(head, body.length);
    await sink.write(body);
    return { outcome, problem: undefined };
  } catch (problem) {
    if (problem instanceof HttpResponseError) return { outcome, problem };
    throw problem;
  }
}

import type { IncomingMessage } from 'node:http';
import { RUNTIME_API_HEADERS } from '../core/runtime-api.js';
import { errorPayload, parseFunctionError, withoutErrorCause, type FunctionError } from './function-error.js';
import { MAX_RESPONSE_BYTES } from './runtime-api-answers.js';

// Node gives received headers in lower case.
const ERROR_TYPE = RUNTIME_API_HEADERS.errorType.toLowerCase();
const ERROR_BODY = RUNTIME_API_HEADERS.errorBody.toLowerCase();

/** What the invoker gets of what the bootstrap posted for an event. */
export interface RuntimeAnswer {
  readonly payload: Buffer;
  readonly contentType: string | undefined;
  readonly streamed: boolean;
  /** Undefined for a response. */
  readonly error: FunctionError | undefined;
  /** Is the error what the function itself said, and not what Lambda says about it? */
  readonly reported: boolean;
}

export interface PostedBody {
  readonly request: IncomingMessage;
  readonly bytes: Buffer;
  readonly streamed: boolean;
}

/** A whole `/response`. One that is streamed can still end in an error, which its trailers tell. */
export function responseAnswer({ request, bytes, streamed }: PostedBody): RuntimeAnswer {
  const answer = { payload: bytes, contentType: request.headers['content-type'], streamed, reported: true };
  const type = request.trailers[ERROR_TYPE] ?? '';
  const body = request.trailers[ERROR_BODY] ?? '';
  if (!streamed || (type === '' && body === '')) return { ...answer, error: undefined };
  return { ...answer, error: parseFunctionError(Buffer.from(body, 'base64'), type) };
}

/** A whole `/error`. */
export function errorAnswer({ request, bytes }: PostedBody): RuntimeAnswer {
  const type = request.headers[ERROR_TYPE];
  const contentType = request.headers['content-type'];
  const { body, contentType: kept } =
    contentType === 'application/vnd.aws.lambda.error.cause+json'
      ? withoutErrorCause(bytes)
      : { body: bytes, contentType };
  return {
    payload: body,
    contentType: kept,
    streamed: false,
    reported: true,
    error: parseFunctionError(body, typeof type === 'string' ? type : undefined),
  };
}

/** An answer of more than the limit; the text is RIE's (`interop/model.go`). */
export function tooLongAnswer(): RuntimeAnswer {
  return failedAnswer({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
    stackTrace: [],
  });
}

/** An answer whose body stopped before its end. The type is AWS's, the message that of the refusal. */
export function truncatedAnswer(streamed: boolean): RuntimeAnswer {
  const errorMessage = 'HTTP request detected as truncated';
  const error = { errorType: 'Runtime.TruncatedResponse', errorMessage, stackTrace: [] };
  return { ...failedAnswer(error), streamed };
}

/** An answer in a mode that there is not: the invoker gets the type and an empty payload (RIE, `invocationresponse.go`). */
export function invalidModeAnswer(): RuntimeAnswer {
  const errorMessage = 'Invalid function response mode';
  const error = { errorType: 'Runtime.InvalidResponseModeHeader', errorMessage, stackTrace: [] };
  return { ...failedAnswer(error), payload: Buffer.alloc(0), contentType: undefined };
}

function failedAnswer(error: FunctionError): RuntimeAnswer {
  return {
    payload: errorPayload(error),
    contentType: 'application/json',
    streamed: false,
    error,
    reported: false,
  };
}

import type { IncomingMessage } from 'node:http';
import { RUNTIME_API_HEADERS } from '../core/runtime-api.js';
import { errorPayload, parseFunctionError, withoutErrorCause, type FunctionError } from './function-error.js';
import { MAX_RESPONSE_BYTES } from './runtime-api-answers.js';

// Node converts the names of received headers to lower case.
const ERROR_TYPE = RUNTIME_API_HEADERS.errorType.toLowerCase();
const ERROR_BODY = RUNTIME_API_HEADERS.errorBody.toLowerCase();

/** The answer to an event, as the invoker receives it. */
export interface RuntimeAnswer {
  readonly payload: Buffer;
  readonly contentType: string | undefined;
  readonly streamed: boolean;
  /** Undefined for a response. */
  readonly error: FunctionError | undefined;
  /** Whether the function itself reported the error, as opposed to Lambda. */
  readonly reported: boolean;
}

/** The complete body of a `/response` or `/error` request. */
export interface PostedBody {
  readonly request: IncomingMessage;
  readonly bytes: Buffer;
  readonly streamed: boolean;
}

/** Returns the answer of a complete `/response`. A streamed one can still end in an error, which is in its trailers. */
export function responseAnswer({ request, bytes, streamed }: PostedBody): RuntimeAnswer {
  const answer = { payload: bytes, contentType: request.headers['content-type'], streamed, reported: true };
  const type = request.trailers[ERROR_TYPE] ?? '';
  const body = request.trailers[ERROR_BODY] ?? '';
  if (!streamed || (type === '' && body === '')) return { ...answer, error: undefined };
  return { ...answer, error: parseFunctionError(Buffer.from(body, 'base64'), type) };
}

/** Returns the answer of a complete `/error`. */
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

/** Returns the answer for a response that exceeds the limit. The text is RIE's (`interop/model.go`). */
export function tooLongAnswer(): RuntimeAnswer {
  return failedAnswer({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
    stackTrace: [],
  });
}

/** Returns the answer for a truncated response. The type is AWS's, the message is that of the HTTP error. */
export function truncatedAnswer(streamed: boolean): RuntimeAnswer {
  const errorMessage = 'HTTP request detected as truncated';
  const error = { errorType: 'Runtime.TruncatedResponse', errorMessage, stackTrace: [] };
  return { ...failedAnswer(error), streamed };
}

/** Returns the answer for an unknown response mode: an error type and an empty payload (RIE, `invocationresponse.go`). */
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

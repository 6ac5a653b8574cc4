import { HttpResponseError, parsePrelude, type HttpResponseHead } from './http-response.js';
import type { ResponseSink } from './invocation.js';

/** The content type of a streamed HTTP response: a prelude as JSON, 8 NUL bytes, and the body. */
export const HTTP_RESPONSE_TYPE = 'application/vnd.awslambda.http-integration-response';

/** Receives an HTTP response while the function produces it. */
export interface HttpSink {
  /** Called once, before the body. `bodyBytes` is the size of the body; undefined for a streamed one. */
  readonly head: (head: HttpResponseHead, bodyBytes: number | undefined) => void;
  /** Receives the next bytes of the body. It is not called again until it has resolved. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
}

const SEPARATOR = Buffer.alloc(8);
/** Larger than any set of headers that a client accepts. */
const MAX_PRELUDE_BYTES = 1024 ** 2;

/** A sink of a streamed result that passes it on as an HTTP response. */
export interface HttpResponseReader extends ResponseSink {
  /** Call after the last byte. Returns an error if the prelude was invalid or incomplete. */
  readonly end: () => HttpResponseError | undefined;
}

/**
 * Reads a streamed result as an HTTP response. A result of another type than `HTTP_RESPONSE_TYPE` is the body of a response
 * with this type. After an invalid prelude, the rest is ignored.
 */
export function readHttpResponse(sink: HttpSink): HttpResponseReader {
  /** The prelude so far; undefined once the head is known. */
  let prelude: Buffer | undefined = Buffer.alloc(0);
  let failure: HttpResponseError | undefined;
  const begin = ({ contentType }: { readonly contentType: string | undefined }): void => {
    if (contentType === HTTP_RESPONSE_TYPE) return;
    prelude = undefined;
    const headers = [['Content-Type', contentType ?? 'application/octet-stream']] as const;
    sink.head({ statusCode: 200, headers }, undefined);
  };
  const readPrelude = async (bytes: Buffer): Promise<void> => {
    const at = bytes.indexOf(SEPARATOR);
    if (at === -1) {
      prelude = bytes;
      if (bytes.length > MAX_PRELUDE_BYTES)
        failure = new HttpResponseError(`the streamed response has no prelude: ${ENDS}`);
      return;
    }
    prelude = undefined;
    try {
      sink.head(parsePrelude(bytes.subarray(0, at)), undefined);
    } catch (error) {
      if (!(error instanceof HttpResponseError)) throw error;
      failure = error;
      return;
    }
    const rest = bytes.subarray(at + SEPARATOR.length);
    if (rest.length > 0) await sink.write(rest);
  };
  return {
    begin,
    write: async (bytes) => {
      if (failure !== undefined) return;
      await (prelude === undefined ? sink.write(bytes) : readPrelude(Buffer.concat([prelude, bytes])));
    },
    end: () =>
      prelude === undefined || failure !== undefined
        ? failure
        : new HttpResponseError(`the streamed response is incomplete: ${ENDS}`),
  };
}

const ENDS = 'its prelude must end in 8 NUL bytes';

import { z } from 'zod';

/** An error as a function reports it to the Runtime API, or as Lambda words it when the function cannot. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly stackTrace: readonly string[];
}

const schema = z.object({
  errorType: z.string().optional(),
  errorMessage: z.string().optional(),
  stackTrace: z.array(z.string()).optional(),
});

/**
 * The error that a bootstrap reported. A body of another form is no reason to refuse it: then the message is
 * the body's text, and the type is the header's.
 */
export function parseFunctionError(body: Buffer, headerType: string | undefined): FunctionError {
  const fallback = knownErrorType(headerType);
  const text = body.toString('utf8');
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) return { errorType: fallback, errorMessage: text, stackTrace: [] };
  return {
    errorType: parsed.data.errorType ?? fallback,
    errorMessage: parsed.data.errorMessage ?? '',
    stackTrace: parsed.data.stackTrace ?? [],
  };
}

/** What Lambda makes of the header `Lambda-Runtime-Function-Error-Type` (RIE, `fatalerror.go`; the pattern has no anchors there either). */
function knownErrorType(header: string | undefined): string {
  if (header === undefined) return 'Runtime.Unknown';
  if (/(Runtime|Function)\.[A-Z][a-zA-Z]+/.test(header)) return header;
  return header.startsWith('Function.') ? 'Function.Unknown' : 'Runtime.Unknown';
}

/**
 * The body of `/error` with the content type `application/vnd.aws.lambda.error.cause+json`, which has a cause
 * for X-Ray in it: the invoker gets it without that (RIE, `mime_type_error_cause_json.go`).
 */
export function withoutErrorCause(body: Buffer): { readonly body: Buffer; readonly contentType: string } {
  const parsed = schema.safeParse(parseJson(body.toString('utf8')));
  if (!parsed.success)
    return { body: Buffer.from('"Invalid error body"'), contentType: 'application/octet-stream' };
  const { errorMessage = '', errorType = '', stackTrace = [] } = parsed.data;
  const kept = { errorMessage, errorType, ...(stackTrace.length === 0 ? {} : { stackTrace }) };
  return { body: Buffer.from(JSON.stringify(kept)), contentType: 'application/json' };
}

/** The JSON that the invoker gets for an error that Lambda words. */
export function errorPayload({ errorType, errorMessage }: FunctionError): Buffer {
  return Buffer.from(JSON.stringify({ errorType, errorMessage }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { z } from 'zod';

/** An error that a function reports to the Runtime API, or that Lambda reports if the function cannot. */
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
 * Parses the error that a bootstrap reported. If the body has another format, the message is its text and the type is that
 * of the header.
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

/**
 * Maps the header `Lambda-Runtime-Function-Error-Type` to an error type, as Lambda does (RIE, `fatalerror.go`, whose pattern
 * has no anchors either).
 */
function knownErrorType(header: string | undefined): string {
  if (header === undefined) return 'Runtime.Unknown';
  if (/(Runtime|Function)\.[A-Z][a-zA-Z]+/.test(header)) return header;
  return header.startsWith('Function.') ? 'Function.Unknown' : 'Runtime.Unknown';
}

/**
 * Removes the cause, which is only for X-Ray, from an `/error` body of the type
 * `application/vnd.aws.lambda.error.cause+json` (RIE, `mime_type_error_cause_json.go`).
 */
export function withoutErrorCause(body: Buffer): { readonly body: Buffer; readonly contentType: string } {
  const parsed = schema.safeParse(parseJson(body.toString('utf8')));
  if (!parsed.success)
    return { body: Buffer.from('"Invalid error body"'), contentType: 'application/octet-stream' };
  const { errorMessage = '', errorType = '', stackTrace = [] } = parsed.data;
  const kept = { errorMessage, errorType, ...(stackTrace.length === 0 ? {} : { stackTrace }) };
  return { body: Buffer.from(JSON.stringify(kept)), contentType: 'application/json' };
}

/** Returns the JSON that the invoker receives for an error that Lambda reports. */
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

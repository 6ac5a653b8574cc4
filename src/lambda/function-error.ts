import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { FunctionError } from './function-failure.js';

const schema = z.object({
  errorType: z.string().optional(),
  errorMessage: z.string().optional(),
  stackTrace: z.array(z.string()).optional(),
});

/** The form in which Lambda lets a type through from the header. */
const KNOWN_TYPE = /(Runtime|Function)\.[A-Z][a-zA-Z]+/;

/**
 * The error that a bootstrap reported. A body of another form is no reason to refuse it: then the message is
 * the body's text, and the type is the header's, or `Runtime.Unknown`.
 */
export function parseFunctionError(body: Buffer, headers: IncomingHttpHeaders): FunctionError {
  const header = headers['lambda-runtime-function-error-type'];
  const fallback = typeof header === 'string' && KNOWN_TYPE.test(header) ? header : 'Runtime.Unknown';
  const text = body.toString('utf8');
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) return { errorType: fallback, errorMessage: text, stackTrace: [] };
  return {
    errorType: parsed.data.errorType ?? fallback,
    errorMessage: parsed.data.errorMessage ?? '',
    stackTrace: parsed.data.stackTrace ?? [],
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

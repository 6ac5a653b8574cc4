import { z } from 'zod';

/** Names the first key that does not fit, or why the text is not JSON. */
export function describeParseError(cause: unknown): string {
  if (!(cause instanceof z.ZodError)) return cause instanceof Error ? cause.message : String(cause);
  const [issue] = cause.issues;
  return issue === undefined ? 'it does not fit the schema' : `${issue.path.join('.')}: ${issue.message}`;
}

import type { FunctionError } from '../lambda/function-error.js';

/**
 * Returns a hint for a bootstrap that could not be started. The kernel also reports "no such file" when the interpreter in the
 * file's first line is missing. Undefined for every other error.
 */
export function entrypointHint(error: FunctionError | undefined): string | undefined {
  if (error?.errorType !== 'Runtime.InvalidEntrypoint' || !error.errorMessage.includes('no such file'))
    return undefined;
  return (
    "the program that the bootstrap's first line (#!) or its ELF header names is not in the local runtime image. " +
    "The embedded image has no /bin/sh, while Lambda's has one: see docs/local.md."
  );
}

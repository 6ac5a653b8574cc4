import type { FunctionError } from '../lambda/function-error.js';

/**
 * What to add to a bootstrap that could not be started: the kernel says "no such file" of an interpreter in its first line, too.
 * Undefined for every other error.
 */
export function entrypointHint(error: FunctionError | undefined): string | undefined {
  if (error?.errorType !== 'Runtime.InvalidEntrypoint' || !error.errorMessage.includes('no such file'))
    return undefined;
  return (
    "the program that the bootstrap's first line (#!) or its ELF header names is not in the local runtime image. " +
    "The embedded image has no /bin/sh, while Lambda's has one: see docs/local.md."
  );
}

import type { FunctionError } from '../lambda/function-error.js';
import { isForeign } from '../sandbox/foreign-image.js';
import type { RunContext } from '../sandbox/run-context.js';

/**
 * Returns a hint for a function that exceeded a limit while qemu emulated it, which makes it slower and larger. Undefined for every
 * other error, and for functions of the machine's own architecture.
 */
export function emulationHint(
  error: Pick<FunctionError, 'errorType'> | undefined,
  context: Pick<RunContext, 'machine' | 'platform'>,
): string | undefined {
  if (!isForeign(context)) return undefined;
  const { architecture } = context.platform;
  const why = `${architecture} functions run through qemu here`;
  if (error?.errorType === 'Sandbox.Timedout')
    return `${why}, which is 5 to 10 times slower than Lambda: raise --timeout, or use an engine on ${architecture} (--test-engine).`;
  if (error?.errorType === 'Runtime.OutOfMemory')
    return `${why}, whose own memory counts too: raise --memory, or use an engine on ${architecture} (--test-engine).`;
  return undefined;
}

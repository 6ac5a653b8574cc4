import { UsageError } from '../core/errors.js';
import { FUNCTION_MEMORY_MB, FUNCTION_TIMEOUT_SECONDS } from '../core/lambda-limits.js';
import { wholeNumber } from '../core/whole-number.js';
import type { FunctionSettings } from './function-service.js';

/** Checks the settings of a function before AWS is called. Throws UsageError for values that Lambda would refuse. */
export function checkFunctionSettings(settings: FunctionSettings): void {
  const { handler, role, layers = [], memoryMb, timeoutSeconds } = settings;
  if (handler === '')
    throw new UsageError('the handler is empty', {
      hint: 'For example: --handler hello, for src/hello.php.',
    });
  if (role !== undefined && !/^arn:[\w-]+:iam::\d{12}:role\/.+$/.test(role))
    throw new UsageError(`'${role}' is not the ARN of a role`, {
      hint: 'For example: --role arn:aws:iam::123456789012:role/hello.',
    });
  for (const layer of layers)
    if (!/^arn:[\w-]+:lambda:[\w-]+:\d{12}:layer:[\w-]+:\d+$/.test(layer))
      throw new UsageError(`'${layer}' is not the ARN of a layer version`, {
        hint: '`layersmith publish` prints it; it ends with the number of the version.',
      });
  if (memoryMb !== undefined) wholeNumber('--memory', memoryMb, FUNCTION_MEMORY_MB);
  if (timeoutSeconds !== undefined) wholeNumber('--timeout', timeoutSeconds, FUNCTION_TIMEOUT_SECONDS);
}

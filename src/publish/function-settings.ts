import { UsageError } from '../core/errors.js';
import type { FunctionSettings } from './function-service.js';

/** Lambda's limits for the memory of a function, in MiB. */
const MEMORY = { least: 128, most: 10_240 } as const;

/** Lambda's limits for the timeout of a function, in seconds. */
const TIMEOUT = { least: 1, most: 900 } as const;

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
  checkRange('--memory', memoryMb, MEMORY);
  checkRange('--timeout', timeoutSeconds, TIMEOUT);
}

function checkRange(
  flag: string,
  value: number | undefined,
  { least, most }: { readonly least: number; readonly most: number },
): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  throw new UsageError(`${flag} must be a whole number from ${least} to ${most}`, {
    hint: `For example: ${flag} ${least}.`,
  });
}

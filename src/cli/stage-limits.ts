import { UsageError } from '../core/errors.js';
import { MIN_MEMORY_BYTES } from '../engine/container-engine.js';
import { parseDuration } from './words.js';

/** Time limit of a stage without `--stage-timeout`. The longest build takes minutes on a small machine. */
const DEFAULT_TIMEOUT = '3h';
/** Node's timers store milliseconds in a 32-bit signed integer. */
const LONGEST_TIMEOUT_MS = 24 * 24 * 60 * 60 * 1000;

/** The limits of stages, as numbers. */
export interface StageLimits {
  readonly jobs: number | undefined;
  /** In MiB. */
  readonly memory: number | undefined;
  readonly stageTimeoutMs: number;
}

/** Parses the flags that limit stages. Throws UsageError for values out of range. */
export function stageLimits(args: {
  readonly jobs: number | undefined;
  readonly memory: number | undefined;
  readonly stageTimeout?: string | undefined;
}): StageLimits {
  return {
    jobs: atLeast('--jobs', args.jobs, { least: 1, example: 4 }),
    memory: atLeast('--memory', args.memory, { least: MIN_MEMORY_BYTES / 1024 ** 2, example: 2048 }),
    stageTimeoutMs: timeoutOf(args.stageTimeout ?? DEFAULT_TIMEOUT),
  };
}

function atLeast(
  flag: string,
  value: number | undefined,
  { least, example }: { readonly least: number; readonly example: number },
): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= least)) return value;
  throw new UsageError(`${flag} must be a whole number of at least ${least}`, {
    hint: `For example: ${flag} ${example}.`,
  });
}

function timeoutOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= LONGEST_TIMEOUT_MS) return ms;
  throw new UsageError(`--stage-timeout: '${text}' is not a duration between 1s and 24d`, {
    hint: 'For example: --stage-timeout 90m, or 3h.',
  });
}

import type { FunctionError } from './function-error.js';
import { BOOTSTRAP_PATH } from '../platform/sandbox-layout.js';
import type { ProgramExit } from './relay-frames.js';

const SIGKILL = 9;

/**
 * Returns Lambda's error for a bootstrap that exited without an answer. The texts are those of RIE (`rapid/handlers.go`,
 * `supervisor/model/model.go`), except for InvalidEntrypoint, which is that of the cloud.
 */
export function exitError(exit: ProgramExit): Pick<FunctionError, 'errorType' | 'errorMessage'> {
  const { how, value } = exit;
  switch (how) {
    case 'status':
      return {
        errorType: 'Runtime.ExitError',
        errorMessage:
          value === 0
            ? 'Runtime exited without providing a reason'
            : `Runtime exited with error: exit status ${value}`,
      };
    case 'signal':
      return {
        // Lambda does not distinguish which process of the container exceeded the memory limit.
        errorType: value === SIGKILL && exit.outOfMemory ? 'Runtime.OutOfMemory' : 'Runtime.ExitError',
        errorMessage: `Runtime exited with error: signal: ${SIGNALS[value] ?? `signal ${value}`}`,
      };
    case 'not-started':
      return {
        errorType: 'Runtime.InvalidEntrypoint',
        errorMessage: `fork/exec ${BOOTSTRAP_PATH}: ${ERRNOS[value] ?? `errno ${value}`}`,
      };
  }
}

/** Go's names of Linux's signals: Lambda is written in Go. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'hangup',
  2: 'interrupt',
  3: 'quit',
  4: 'illegal instruction',
  5: 'trace/breakpoint trap',
  6: 'aborted',
  7: 'bus error',
  8: 'floating point exception',
  9: 'killed',
  10: 'user defined signal 1',
  11: 'segmentation fault',
  12: 'user defined signal 2',
  13: 'broken pipe',
  14: 'alarm clock',
  15: 'terminated',
};

/** Go's messages for the errors of `execve`. */
const ERRNOS: Readonly<Record<number, string>> = {
  2: 'no such file or directory',
  7: 'argument list too long',
  8: 'exec format error',
  11: 'resource temporarily unavailable',
  12: 'cannot allocate memory',
  13: 'permission denied',
  20: 'not a directory',
  21: 'is a directory',
  26: 'text file busy',
  40: 'too many levels of symbolic links',
};

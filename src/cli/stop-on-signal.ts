import { InterruptedError } from '../core/errors.js';

type Signal = 'SIGINT' | 'SIGTERM';

/** A second signal within this time is the same request: make forwards the SIGTERM that its process group also receives. */
const SAME_REQUEST_MS = 1_000;

/**
 * Creates a signal handler. The first signal aborts `interrupted` with an InterruptedError, so that containers are removed. A
 * later one calls `exit` at once. `now` is in milliseconds.
 */
export function stopOnSignal(options: {
  readonly interrupted: AbortController;
  readonly print: (text: string) => void;
  readonly exit: (code: number) => void;
  readonly now: () => number;
}): (name: Signal) => void {
  const { interrupted, print, exit, now } = options;
  let since: number | undefined;
  return (name) => {
    const error = new InterruptedError(name);
    if (since === undefined) {
      since = now();
      print(`\n${error.message}: removing containers (press again to stop immediately)\n`);
      interrupted.abort(error);
    } else if (now() - since >= SAME_REQUEST_MS) exit(error.exitCode);
  };
}

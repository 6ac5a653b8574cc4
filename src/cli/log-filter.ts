/** What Lambda logs of each invocation; with many of them the summary stands for it. */
const ROUTINE = /^(START|END|REPORT) RequestId: /;

/** A failing init is logged when the sandbox starts, once more with the invocation, and is the invocation's answer. */
const REPEATED = /^\S+\tinit\tERROR\t|^INIT_REPORT .*\tPhase: invoke\t/;

/**
 * Which lines of a function's log `invoke` shows: all of them, but for what Lambda logs of each of many invocations, and on a
 * terminal, which shows the answer as well, for copies of the error in it.
 */
export function logFilter(options: {
  readonly repeat: number;
  /** Both the log and the answer are shown on a terminal. */
  readonly onTerminal: boolean;
}): (line: string) => boolean {
  const { repeat, onTerminal } = options;
  return (line) => !((repeat > 1 && ROUTINE.test(line)) || (onTerminal && REPEATED.test(line)));
}

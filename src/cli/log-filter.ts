/** Lines that Lambda logs for each invocation. With many invocations, the summary replaces them. */
const ROUTINE = /^(START|END|REPORT) RequestId: /;

/** A failing init is logged when the sandbox starts and again with the invocation. It is also the response. */
const REPEATED = /^\S+\tinit\tERROR\t|^INIT_REPORT .*\tPhase: invoke\t/;

/**
 * Returns a filter for the log lines that `invoke` shows. It drops Lambda's routine lines if there are many invocations. On a
 * terminal, which also shows the response, it drops the repeated lines of an init error.
 */
export function logFilter(options: {
  readonly repeat: number;
  /** Whether a terminal shows both the log and the response. */
  readonly onTerminal: boolean;
}): (line: string) => boolean {
  const { repeat, onTerminal } = options;
  return (line) => !((repeat > 1 && ROUTINE.test(line)) || (onTerminal && REPEATED.test(line)));
}

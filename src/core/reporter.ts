/** How an activity ended: done now, or its result was in the store already. */
export type ActivityOutcome = 'built' | 'reused';

/** Where progress goes: a live view on a terminal, plain lines in CI. Never stdout, which is for results. */
export interface Reporter {
  readonly info: (line: string) => void;
  readonly warn: (line: string) => void;
  /** Announces an activity, such as the build of a stage or the smoke tests; `lastSeconds` is how long it took last time, when that is known. */
  activity(name: string, lastSeconds: number | undefined): ActivityReporter;
  /** Ends the live view, so that what is printed next stays on the screen. */
  close(): void;
}

export interface ActivityReporter {
  /** What the activity does now: one line of its output, shown until the next. */
  doing(line: string): void;
  finished(outcome: ActivityOutcome): void;
  failed(): void;
}

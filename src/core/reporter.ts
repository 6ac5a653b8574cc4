/** How an activity ended: it was run, or its result was already in the store. */
export type ActivityOutcome = 'built' | 'reused';

/** Shows progress: a live view on a terminal, plain lines in CI. Never writes to stdout, which is for results. */
export interface Reporter {
  readonly info: (line: string) => void;
  readonly warn: (line: string) => void;
  /**
   * Announces an activity, such as the build of a stage or the smoke tests. `lastSeconds` is how long it took last time,
   * if known.
   */
  activity(name: string, lastSeconds: number | undefined): ActivityReporter;
  /** Ends the live view, so that later output stays on the screen. */
  close(): void;
}

/** Shows the progress of one activity. */
export interface ActivityReporter {
  /** Shows one line of the activity's output until the next one. */
  doing(line: string): void;
  finished(outcome: ActivityOutcome): void;
  failed(): void;
}

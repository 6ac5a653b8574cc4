/** How a stage ended: compiled now, or found in the store. */
export type StageOutcome = 'built' | 'reused';

/** Where progress goes: a live view on a terminal, plain lines in CI. Never stdout, which is for results. */
export interface Reporter {
  readonly info: (line: string) => void;
  readonly warn: (line: string) => void;
  /** Announces a stage; `lastSeconds` is how long it took last time, when that is known. */
  stage(name: string, lastSeconds: number | undefined): StageReporter;
  /** Ends the live view, so that what is printed next stays on the screen. */
  close(): void;
}

export interface StageReporter {
  /** What the stage does now: one line of its output, shown until the next. */
  doing(line: string): void;
  finished(outcome: StageOutcome): void;
  failed(): void;
}

import type { Reporter, StageOutcome, StageReporter } from '../core/reporter.js';
import { duration } from './words.js';

/** One line for each thing that happens: for CI and for files. */
export function plainReporter(options: {
  readonly print: (text: string) => void;
  readonly now: () => number;
}): Reporter {
  const { print, now } = options;
  return {
    info: (line) => {
      print(`${line}\n`);
    },
    warn: (line) => {
      print(`warning: ${line}\n`);
    },
    stage(name, lastSeconds): StageReporter {
      const started = now();
      const elapsed = (): string => duration((now() - started) / 1000);
      let announced = false;
      const announce = (): void => {
        if (announced) return;
        announced = true;
        print(
          `${name}: started${lastSeconds === undefined ? '' : ` (last time ${duration(lastSeconds)})`}\n`,
        );
      };
      return {
        doing: announce,
        finished: (outcome: StageOutcome) => {
          print(outcome === 'reused' ? `${name}: in the store\n` : `${name}: done in ${elapsed()}\n`);
        },
        failed: () => {
          print(`${name}: failed after ${elapsed()}\n`);
        },
      };
    },
    close: () => undefined,
  };
}

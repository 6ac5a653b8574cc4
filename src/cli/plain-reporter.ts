import type { Reporter, ActivityOutcome, ActivityReporter } from '../core/reporter.js';
import { duration } from './words.js';

const HEARTBEAT_MS = 60_000;
/** How much of an activity's last output line a heartbeat shows. */
const SHOWN_LENGTH = 120;

/** Creates a reporter for CI and files: one line per event, and a heartbeat each minute for each running activity. */
export function plainReporter(options: {
  readonly print: (text: string) => void;
  readonly now: () => number;
}): Reporter {
  const { print, now } = options;
  const heartbeats = new Set<NodeJS.Timeout>();
  return {
    info: (line) => {
      print(`${line}\n`);
    },
    warn: (line) => {
      print(`warning: ${line}\n`);
    },
    activity(name, lastSeconds): ActivityReporter {
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
      let lastLine = 'no output yet';
      const heartbeat = setInterval(() => {
        announce();
        print(`${name}: still running after ${elapsed()}: ${lastLine.slice(0, SHOWN_LENGTH)}\n`);
      }, HEARTBEAT_MS).unref();
      heartbeats.add(heartbeat);
      const stop = (): void => {
        clearInterval(heartbeat);
        heartbeats.delete(heartbeat);
      };
      return {
        doing: (line) => {
          announce();
          lastLine = line.trim();
        },
        finished: (outcome: ActivityOutcome) => {
          stop();
          print(outcome === 'reused' ? `${name}: in the store\n` : `${name}: done in ${elapsed()}\n`);
        },
        failed: () => {
          stop();
          print(`${name}: failed after ${elapsed()}\n`);
        },
      };
    },
    close: () => {
      for (const heartbeat of heartbeats) clearInterval(heartbeat);
      heartbeats.clear();
    },
  };
}

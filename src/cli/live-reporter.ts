import { createLogUpdate } from 'log-update';
import type { Reporter, ActivityReporter } from '../core/reporter.js';
import { noPaint, type Paint } from './color.js';
import { duration } from './words.js';

const REFRESH_MS = 150;
const NAME_WIDTH = 18;

interface RunningActivity {
  readonly name: string;
  readonly started: number;
  readonly lastSeconds: number | undefined;
  doing: string;
}

/** Creates a view that is redrawn in place: one line per running activity. Finished activities scroll up above it. */
export function liveReporter(options: {
  readonly terminal: NodeJS.WriteStream;
  readonly now: () => number;
  readonly paint?: Paint;
}): Reporter {
  const { terminal, now, paint = noPaint } = options;
  const running = new Set<RunningActivity>();
  const view = createLogUpdate(terminal);
  const draw = (): void => {
    const width = (terminal.columns || 80) - 1;
    view([...running].map((activity) => lineOf(activity, now()).slice(0, width)).join('\n'));
  };
  let timer: NodeJS.Timeout | undefined;
  const above = (line: string): void => {
    view.clear();
    terminal.write(`${line}\n`);
    if (running.size > 0) draw();
  };
  const leave = (activity: RunningActivity, line: string): void => {
    running.delete(activity);
    above(line);
    if (running.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  return {
    info: above,
    warn: (line) => {
      above(`${paint('warning', 'warning:')} ${line}`);
    },
    activity(name, lastSeconds): ActivityReporter {
      const activity: RunningActivity = { name, started: now(), lastSeconds, doing: '' };
      running.add(activity);
      timer ??= setInterval(draw, REFRESH_MS).unref();
      const elapsed = (): string => duration((now() - activity.started) / 1000);
      return {
        doing: (line) => {
          activity.doing = line;
        },
        finished: (outcome) => {
          leave(
            activity,
            `${paint('good', '✔')} ${name.padEnd(NAME_WIDTH)} ${outcome === 'reused' ? 'in the store' : elapsed()}`,
          );
        },
        failed: () => {
          leave(activity, `${paint('bad', '✘')} ${name.padEnd(NAME_WIDTH)} failed after ${elapsed()}`);
        },
      };
    },
    close: () => {
      clearInterval(timer);
      view.clear();
      view.done();
    },
  };
}

function lineOf({ name, started, lastSeconds, doing }: RunningActivity, now: number): string {
  const elapsed = duration((now - started) / 1000);
  const last = lastSeconds === undefined ? '' : ` of about ${duration(lastSeconds)}`;
  return `• ${name.padEnd(NAME_WIDTH)} ${elapsed}${last}  ${doing.replace(/\s+/g, ' ')}`;
}

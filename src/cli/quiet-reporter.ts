import type { Reporter, ActivityReporter } from '../core/reporter.js';

/** So long a start may take before it is told what takes so long. */
const PATIENCE_MS = 3_000;

/**
 * Keeps progress back until a stage really runs or the patience is over, and drops it when it is closed before:
 * a start that takes a moment says nothing. Warnings always pass.
 */
export function quietReporter(loud: Reporter): Reporter {
  let held: (() => void)[] | undefined = [];
  const release = (): void => {
    clearTimeout(timer);
    const all = held ?? [];
    held = undefined;
    for (const say of all) say();
  };
  const timer = setTimeout(release, PATIENCE_MS).unref();
  let closed = false;
  const later = (say: () => void): void => {
    if (closed) return;
    if (held === undefined) say();
    else held.push(say);
  };
  return {
    info: (line) => {
      later(() => {
        loud.info(line);
      });
    },
    warn: loud.warn,
    activity(name, lastSeconds): ActivityReporter {
      let view: ActivityReporter | undefined;
      later(() => {
        view = loud.activity(name, lastSeconds);
      });
      return {
        doing: (line) => {
          if (held !== undefined) release();
          later(() => view?.doing(line));
        },
        finished: (outcome) => {
          later(() => view?.finished(outcome));
        },
        failed: () => {
          later(() => view?.failed());
        },
      };
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      // Nothing is to be ended where nothing was shown.
      if (held === undefined) loud.close();
    },
  };
}

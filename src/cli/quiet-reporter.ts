import type { Reporter, ActivityReporter } from '../core/reporter.js';

/** How long the start may take before its progress is shown. */
const PATIENCE_MS = 3_000;

/**
 * Holds progress back until a stage runs or `PATIENCE_MS` has passed, and drops it if the reporter is closed before that.
 * A short start therefore prints nothing. Warnings are always passed on.
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
      // If nothing was shown, there is nothing to close.
      if (held === undefined) loud.close();
    },
  };
}

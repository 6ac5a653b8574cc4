import type { RuntimeAnswer } from './runtime-answer.js';
import type { ProgramExit } from './relay-frames.js';
import type { InitError } from './runtime-api.js';

/** What a bootstrap does that somebody may wait for. */
export type Happening =
  | { readonly kind: 'asked' }
  | { readonly kind: 'answered'; readonly answer: RuntimeAnswer }
  | { readonly kind: 'init-error'; readonly failure: InitError }
  | { readonly kind: 'exited'; readonly exit: ProgramExit };

/** One at a time waits for what happens; nothing is kept for later. */
export interface Happenings {
  /** True when somebody was waiting for it. */
  tell(happening: Happening): boolean;
  /** The next one, or undefined when the time is over. Rejects once it was broken. */
  next(limitMs: number): Promise<Happening | undefined>;
  /** From now on there is nothing to wait for, for this reason. The first reason stands. */
  break(reason: Error): void;
}

/**
 * Not a race of promises: those of a sandbox live as long as it does, and would keep something of each of its
 * invocations.
 */
export function createHappenings(): Happenings {
  let waiting:
    | {
        readonly resolve: (happening: Happening | undefined) => void;
        readonly reject: (reason: Error) => void;
      }
    | undefined;
  let broken: Error | undefined;
  return {
    tell: (happening) => {
      const waiter = waiting;
      waiting = undefined;
      waiter?.resolve(happening);
      return waiter !== undefined;
    },
    next: async (limitMs) => {
      if (broken !== undefined) throw broken;
      let timer: NodeJS.Timeout | undefined;
      try {
        return await new Promise<Happening | undefined>((resolve, reject) => {
          waiting = { resolve, reject };
          timer = setTimeout(
            () => {
              resolve(undefined);
            },
            Math.max(0, limitMs),
          );
        });
      } finally {
        waiting = undefined;
        clearTimeout(timer);
      }
    },
    break: (reason) => {
      if (broken !== undefined) return;
      broken = reason;
      waiting?.reject(reason);
    },
  };
}

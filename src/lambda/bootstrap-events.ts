import type { RuntimeAnswer } from './runtime-answer.js';
import type { ProgramExit } from './relay-frames.js';
import type { InitError } from './runtime-api.js';

/** An action of a bootstrap: it asks for an event, answers one, reports a failed init, or exits. */
export type BootstrapEvent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answered'; readonly answer: RuntimeAnswer }
  | { readonly kind: 'init-error'; readonly failure: InitError }
  | { readonly kind: 'exited'; readonly exit: ProgramExit };

/** Delivers events to a single waiter. Events without a waiter are dropped, not queued. */
export interface BootstrapEvents {
  /** Returns whether an event was delivered. */
  emit(event: BootstrapEvent): boolean;
  /** Waits for the next event. Returns undefined if none arrives within the limit. Rejects once `fail` was called. */
  next(limitMs: number): Promise<BootstrapEvent | undefined>;
  /** Rejects the waiter, and every later `next`, with the reason. Only the first call has an effect. */
  fail(reason: Error): void;
}

/**
 * Creates the channel between the Runtime API and the sandbox. It does not use `Promise.race`: with promises that live as
 * long as the sandbox, each invocation would leak a reaction.
 */
export function createBootstrapEvents(): BootstrapEvents {
  let waiting:
    | {
        readonly resolve: (event: BootstrapEvent | undefined) => void;
        readonly reject: (reason: Error) => void;
      }
    | undefined;
  let failure: Error | undefined;
  return {
    emit: (event) => {
      const waiter = waiting;
      waiting = undefined;
      waiter?.resolve(event);
      return waiter !== undefined;
    },
    next: async (limitMs) => {
      if (failure !== undefined) throw failure;
      let timer: NodeJS.Timeout | undefined;
      try {
        return await new Promise<BootstrapEvent | undefined>((resolve, reject) => {
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
    fail: (reason) => {
      if (failure !== undefined) return;
      failure = reason;
      waiting?.reject(reason);
    },
  };
}

import type { RuntimeAnswer } from './runtime-answer.js';
import type { ProgramExit } from './relay-frames.js';
import type { InitError } from './runtime-api.js';

/** What a bootstrap does: it asks for an event, answers one, reports a failed init, or exits. */
export type BootstrapEvent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answered'; readonly answer: RuntimeAnswer }
  | { readonly kind: 'init-error'; readonly failure: InitError }
  | { readonly kind: 'exited'; readonly exit: ProgramExit };

/** Delivers events to a single waiter. Events without a waiter are dropped, not queued. */
export interface BootstrapEvents {
  /** Returns whether an event was delivered. */
  emit(event: BootstrapEvent): boolean;
  /** Waits for the next event; undefined when none came within the limit. Rejects once `fail` was called. */
  next(limitMs: number): Promise<BootstrapEvent | undefined>;
  /** Rejects the waiter, and every later `next`, with the reason. The first reason counts. */
  fail(reason: Error): void;
}

/**
 * Creates the channel between the Runtime API and the sandbox. It does not race promises: those of a sandbox live as long
 * as the sandbox, so each invocation would leave a reaction on them.
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

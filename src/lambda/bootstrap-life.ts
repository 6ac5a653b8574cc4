import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { EngineError } from '../core/errors.js';
import type { Happening, Happenings } from './happenings.js';
import { exitFailure, type RuntimeFailure } from './invocation-ending.js';
import type { ProgramExit } from './relay-frames.js';
import type { RelayMultiplexer } from './relay-multiplexer.js';
import { createRuntimeApi, type RuntimeApi } from './runtime-api.js';

/** How long a bootstrap that reported an init error may take to end by itself, with its last words. */
const LAST_WORDS_MS = 1_000;

/** The relay gives up on processes that cannot be killed after five seconds. */
const KILL_LIMIT_MS = 10_000;

/** A bootstrap from its start to its end, with the Runtime API that it talks to. */
export interface BootstrapLife {
  readonly api: RuntimeApi;
  /** How it ended; undefined while it lives. */
  exit: ProgramExit | undefined;
}

/** How an init ended. */
export type InitResult =
  | { readonly status: 'ready'; readonly ms: number }
  | { readonly status: 'timeout'; readonly ms: number }
  | { readonly status: 'error'; readonly ms: number; readonly failure: RuntimeFailure };

export interface BootstrapLives {
  /** The one that is there, living or not. */
  readonly current: BootstrapLife | undefined;
  connect(connection: Duplex): void;
  exited(exit: ProgramExit): void;
  /**
   * Starts a bootstrap and waits until it asks for its first event. One that does not is gone afterwards.
   * `requestId`: of the invocation that it is started for.
   */
  start(limitMs: number, requestId: string | undefined): Promise<InitResult>;
  /** Kills it, with all that it started, and waits for its end. Rejects with EngineError when that does not come. */
  stop(): Promise<void>;
  /** Drops it. */
  forget(): void;
}

export interface BootstrapLivesOptions {
  readonly relay: () => RelayMultiplexer;
  /** Is told what the bootstrap does. */
  readonly happenings: Happenings;
  /** The bootstrap ended when nobody waited for it. */
  readonly onIdleExit: () => void;
}

/** One bootstrap after another, started through the relay. */
export function createBootstrapLives({
  relay,
  happenings,
  onIdleExit,
}: BootstrapLivesOptions): BootstrapLives {
  let current: BootstrapLife | undefined;

  const begin = (): void => {
    const tell = (happening: Happening): void => {
      if (current === life) happenings.tell(happening);
    };
    const api = createRuntimeApi({
      onAsked: () => {
        tell({ kind: 'asked' });
      },
      onAnswer: (answer) => {
        tell({ kind: 'answered', answer });
      },
      onInitError: (failure) => {
        tell({ kind: 'init-error', failure });
      },
    });
    const life: BootstrapLife = { api, exit: undefined };
    current = life;
    relay().start();
  };

  const stop = async (): Promise<void> => {
    const life = current;
    if (life === undefined) return;
    life.api.close();
    relay().kill();
    const deadline = performance.now() + KILL_LIMIT_MS;
    while (life.exit === undefined) {
      const left = deadline - performance.now();
      if ((await happenings.next(left)) === undefined)
        throw new EngineError('the processes of the function cannot be killed');
    }
    current = undefined;
  };

  return {
    get current() {
      return current;
    },
    connect: (connection) => {
      if (current === undefined) connection.destroy();
      else current.api.connect(connection);
    },
    exited: (exit) => {
      const life = current;
      if (life === undefined) return;
      // What it sent before has been received; the HTTP server needs some turns to take it in.
      setImmediate(() => {
        setImmediate(() => {
          life.exit = exit;
          if (!happenings.tell({ kind: 'exited', exit }) && current === life) onIdleExit();
        });
      });
    },
    start: async (limitMs, requestId) => {
      const started = performance.now();
      const passed = (): number => performance.now() - started;
      let limit = limitMs;
      let reported: RuntimeFailure | undefined;
      begin();
      for (;;) {
        const happening = await happenings.next(limit - passed());
        if (happening?.kind === 'asked') return { status: 'ready', ms: passed() };
        if (happening?.kind === 'init-error') {
          reported = { ...happening.failure, reported: true };
          limit = Math.min(limit, passed() + LAST_WORDS_MS);
          continue;
        }
        const ms = passed();
        if (happening === undefined) await stop();
        else if (happening.kind !== 'exited') continue;
        current = undefined;
        if (reported !== undefined) return { status: 'error', ms, failure: reported };
        if (happening === undefined) return { status: 'timeout', ms };
        return { status: 'error', ms, failure: exitFailure(happening.exit, requestId) };
      }
    },
    stop,
    forget: () => {
      current = undefined;
    },
  };
}

import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { EngineError } from '../core/errors.js';
import type { BootstrapEvent, BootstrapEvents } from './bootstrap-events.js';
import { exitFailure, type RuntimeFailure } from './invocation-ending.js';
import type { ProgramExit } from './relay-frames.js';
import type { RelayMultiplexer } from './relay-multiplexer.js';
import { createRuntimeApi, type RuntimeApi } from './runtime-api.js';

/** How long a bootstrap may take to exit after it reported an init error, so that its last log lines are read. */
const INIT_ERROR_GRACE_MS = 1_000;

/** The relay gives up on processes that cannot be killed after five seconds. */
const KILL_LIMIT_MS = 10_000;

/** One run of the bootstrap, with the Runtime API that it talks to. */
export interface BootstrapProcess {
  readonly api: RuntimeApi;
  /** How it exited; undefined while it is running. */
  exit: ProgramExit | undefined;
}

/** How an init ended. */
export type InitResult =
  | { readonly status: 'ready'; readonly ms: number }
  | { readonly status: 'timeout'; readonly ms: number }
  | { readonly status: 'error'; readonly ms: number; readonly failure: RuntimeFailure };

/** Starts and stops the bootstrap; at most one process runs at a time. */
export interface BootstrapSupervisor {
  /** The last started process, running or not, until `forget`. */
  readonly current: BootstrapProcess | undefined;
  /** Serves the Runtime API on a connection that the current process opened. */
  connect(connection: Duplex): void;
  /** Records the current process's exit. */
  exited(exit: ProgramExit): void;
  /**
   * Starts a process and waits until it asks for its first event. Stops it if it does not do so within the limit.
   * `requestId` is the id of the invocation for which it is started.
   */
  start(limitMs: number, requestId: string | undefined): Promise<InitResult>;
  /** Kills the process and its children, and waits for its exit. Rejects with EngineError if they cannot be killed. */
  stop(): Promise<void>;
  /** Drops the current process, which has exited. */
  forget(): void;
}

/** What a supervisor works with. */
export interface BootstrapSupervisorOptions {
  readonly relay: () => RelayMultiplexer;
  /** Receives the bootstrap's events. */
  readonly events: BootstrapEvents;
  /** Called when the bootstrap exits while nothing waits for its events. */
  readonly onIdleExit: () => void;
}

/** Creates a supervisor that starts each bootstrap through the relay. */
export function superviseBootstrap({
  relay,
  events,
  onIdleExit,
}: BootstrapSupervisorOptions): BootstrapSupervisor {
  let current: BootstrapProcess | undefined;

  const launch = (): void => {
    const emit = (event: BootstrapEvent): void => {
      if (current === launched) events.emit(event);
    };
    const api = createRuntimeApi({
      onReady: () => {
        emit({ kind: 'ready' });
      },
      onAnswer: (answer) => {
        emit({ kind: 'answered', answer });
      },
      onInitError: (failure) => {
        emit({ kind: 'init-error', failure });
      },
    });
    const launched: BootstrapProcess = { api, exit: undefined };
    current = launched;
    relay().start();
  };

  const stop = async (): Promise<void> => {
    const stopping = current;
    if (stopping === undefined) return;
    stopping.api.close();
    relay().kill();
    const deadline = performance.now() + KILL_LIMIT_MS;
    while (stopping.exit === undefined) {
      const left = deadline - performance.now();
      if ((await events.next(left)) === undefined)
        throw new EngineError('could not kill the processes of the function');
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
      const ended = current;
      if (ended === undefined) return;
      // All that it sent has been received, but the HTTP server needs some turns of the event loop to parse it.
      setImmediate(() => {
        setImmediate(() => {
          ended.exit = exit;
          if (!events.emit({ kind: 'exited', exit }) && current === ended) onIdleExit();
        });
      });
    },
    start: async (limitMs, requestId) => {
      const started = performance.now();
      const passed = (): number => performance.now() - started;
      let limit = limitMs;
      let reported: RuntimeFailure | undefined;
      launch();
      for (;;) {
        const event = await events.next(limit - passed());
        if (event?.kind === 'ready') return { status: 'ready', ms: passed() };
        if (event?.kind === 'init-error') {
          reported = { ...event.failure, reported: true };
          limit = Math.min(limit, passed() + INIT_ERROR_GRACE_MS);
          continue;
        }
        const ms = passed();
        if (event === undefined) await stop();
        else if (event.kind !== 'exited') continue;
        current = undefined;
        if (reported !== undefined) return { status: 'error', ms, failure: reported };
        if (event === undefined) return { status: 'timeout', ms };
        return { status: 'error', ms, failure: exitFailure(event.exit, requestId) };
      }
    },
    stop,
    forget: () => {
      current = undefined;
    },
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Container } from '../engine/container-engine.js';
import { FunctionFailure } from './function-failure.js';
import { readLines } from './log-lines.js';
import { multiplexRelay } from './relay-multiplexer.js';
import { createRuntimeApi, type InvocationResult, type RuntimeApiOptions } from './runtime-api.js';

/** How many of the last lines of the log an error carries. */
const TAIL_LINES = 20;

/** How long the end of the log is waited for when a function is stopped. */
const LAST_LOGS_MS = 2_000;

export interface FunctionContainerOptions extends RuntimeApiOptions {
  /**
   * Created with `relayCommand` and `functionEnvironment`, filled, and not started. It stays the caller's to
   * remove.
   */
  readonly container: Container;
  readonly signal: AbortSignal;
  /** Gets every line that the bootstrap, the function or the relay writes. */
  readonly onLog: (line: string) => void;
}

/** A function at work in a container. Leaving its scope ends it; the container is left to its owner. */
export interface FunctionContainer extends AsyncDisposable {
  /** Fulfilled when the bootstrap asks for its first event; rejected like `invoke`. */
  ready(): Promise<void>;
  /**
   * One invocation, after the other. Rejects with `FunctionFailure` when the function gives no answer, with
   * `EngineError` or `EngineUnavailableError` when the engine is at fault, and with the signal's reason.
   * After a rejection every further one is rejected for the same reason.
   */
  invoke(event: Buffer | string): Promise<InvocationResult>;
  /** The last lines of the log. */
  readonly logTail: readonly string[];
}

/** Starts the container, and serves the Runtime API to what runs in it. */
export async function startFunctionContainer(options: FunctionContainerOptions): Promise<FunctionContainer> {
  const { container } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const logTail: string[] = [];
  const api = createRuntimeApi(options);

  const attachment = await container.attach(options.signal);
  const logs = readLines(attachment.stderr, (line) => {
    logTail.push(line);
    if (logTail.length > TAIL_LINES) logTail.shift();
    options.onLog(line);
  });
  const relay = multiplexRelay({
    stdout: attachment.stdout,
    stdin: attachment.stdin,
    onConnection: (connection) => {
      api.connect(connection);
    },
  });

  /** Answers that came before the end count: so the streams' ends are waited for before the exit code. */
  const watch = async (): Promise<void> => {
    await relay.closed;
    await logs;
    const exit = await container.wait(signal);
    const how = exit.outOfMemory
      ? 'was killed, because it passed its memory limit'
      : `ended with status ${exit.exitCode}`;
    throw new FunctionFailure('exited', `the bootstrap ${how}`, {
      details: { 'last lines of its log': logTail },
    });
  };

  try {
    await container.start(options.signal);
  } catch (error) {
    relay.close();
    attachment.stdout.destroy();
    attachment.stderr.destroy();
    throw error;
  }
  const watched = watch().catch((error: unknown) => {
    api.stop(error instanceof Error ? error : new Error(String(error)));
  });

  return {
    logTail,
    ready: () => api.ready(),
    invoke: (event) => api.invoke(event, options.signal),
    [Symbol.asyncDispose]: async () => {
      api.stop(new FunctionFailure('exited', 'the function was stopped'));
      relay.close();
      // The end of its input ends the relay, and that the log; an engine that hangs must not hold us.
      await Promise.race([logs, delay(LAST_LOGS_MS, undefined, { ref: false })]);
      over.abort();
      attachment.stdout.destroy();
      attachment.stderr.destroy();
      await watched;
    },
  };
}

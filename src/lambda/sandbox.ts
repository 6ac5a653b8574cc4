import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../core/errors.js';
import { createLineReader, type LineReader } from '../core/line-reader.js';
import type { Attachment, Container } from '../engine/container-engine.js';
import { createBootstrapEvents, type BootstrapEvents } from './bootstrap-events.js';
import { superviseBootstrap, type BootstrapSupervisor, type InitResult } from './bootstrap-process.js';
import {
  answeredEnding,
  exitFailure,
  failedEnding,
  failureLines,
  timeoutEnding,
  timeoutLine,
  type InvocationEnding,
} from './invocation-ending.js';
import { createInvocationLog, type InvocationLog } from './invocation-log.js';
import type { InvocationOutcome, InvocationReport, InvocationRequest, ResponseSink } from './invocation.js';
import { multiplexRelay, type RelayMultiplexer } from './relay-multiplexer.js';
import { endLine, initReportLine, reportLine, startLine, type ReportedFailure } from './report-lines.js';

/** How long to wait for the last log lines when a function is stopped. */
const LAST_LOGS_MS = 2_000;

/** The container of a function, its limits, and who receives its log. */
export interface SandboxOptions {
  /** Created with `relayCommand` and `functionEnvironment`, filled, and not started. The caller removes it. */
  readonly container: Container;
  readonly functionArn: string;
  /** The memory limit, for the REPORT line. The caller has set it on the container. */
  readonly memoryMb: number;
  /** How long one invocation may take. */
  readonly timeoutMs: number;
  /** How long the bootstrap may take until it asks for its first event: 10 s on Lambda. */
  readonly initTimeoutMs: number;
  /** Returns the current time in milliseconds since 1970. */
  readonly now: () => number;
  /** Returns a new UUID as request id. Called for each invocation that has none. */
  readonly newRequestId: () => string;
  /** Receives every line that the function and the bootstrap write, and the START, END, REPORT and INIT_REPORT lines. */
  readonly onLog: (line: string) => void;
  /** Called once when the container or the engine fails before the sandbox is disposed. Every later call rejects with the reason. */
  readonly onFailure?: (reason: Error) => void;
  readonly signal: AbortSignal;
}

/** A function in a container, as in one Lambda sandbox. Disposing of it stops the function, but does not remove the container. */
export interface Sandbox extends AsyncDisposable {
  /**
   * Starts the bootstrap, once. Resolves when it asks for its first event, or when its init failed (the first invocation
   * then retries it, as Lambda does). Rejects only when the engine fails or the signal aborts.
   */
  init(): Promise<void>;
  /**
   * Runs one invocation; a second call waits for the first. A function that fails is an outcome. Rejects only when the
   * engine fails or the signal aborts.
   */
  invoke(request: InvocationRequest, sink?: ResponseSink): Promise<InvocationOutcome>;
}

/** Starts the container and serves the Runtime API to it. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const attachment = await options.container.attach(options.signal);
  const sandbox = new RelayedSandbox(options, attachment);
  try {
    await options.container.start(options.signal);
  } catch (error) {
    await sandbox[Symbol.asyncDispose]();
    throw error;
  }
  return sandbox;
}

/** A running invocation. */
interface Invocation {
  readonly requestId: string;
  /** The start on the monotonic clock (`performance.now()`). */
  readonly begun: number;
  readonly startedAt: number;
  readonly log: InvocationLog;
  readonly request: InvocationRequest;
  readonly sink: ResponseSink | undefined;
}

class RelayedSandbox implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #attachment: Attachment;
  readonly #events: BootstrapEvents = createBootstrapEvents();
  readonly #relay: RelayMultiplexer;
  readonly #bootstrap: BootstrapSupervisor;
  readonly #lines: LineReader;
  readonly #stderrEnded: Promise<void>;
  readonly #onAbort: () => void;
  #initTried = false;
  /** The duration of the init before the first invocation, until that invocation has reported it. */
  #initMs: number | undefined;
  #invocationLog: InvocationLog | undefined;
  /** The last answered invocation and its deadline. It is over when the bootstrap asks for the next event. */
  #last: { readonly requestId: string; readonly deadline: number } | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(options: SandboxOptions, attachment: Attachment) {
    const { signal } = options;
    this.#options = options;
    this.#attachment = attachment;
    this.#lines = createLineReader((line) => {
      this.#logLine(line);
    });
    this.#bootstrap = superviseBootstrap({
      relay: () => this.#relay,
      events: this.#events,
      onIdleExit: () => {
        this.#logExit();
      },
    });
    this.#relay = multiplexRelay({
      stdout: attachment.stdout,
      stdin: attachment.stdin,
      onConnection: (connection) => {
        this.#bootstrap.connect(connection);
      },
      onLog: (bytes) => {
        this.#lines.write(bytes);
      },
      onExit: (exit) => {
        this.#bootstrap.exited(exit);
      },
    });
    this.#stderrEnded = this.#readRelayLog();
    this.#onAbort = () => {
      this.#events.fail(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    if (signal.aborted) this.#onAbort();
    signal.addEventListener('abort', this.#onAbort, { once: true });
    void this.#watchRelay();
  }

  init(): Promise<void> {
    return this.#enqueue(() => this.#initOnce());
  }

  invoke(request: InvocationRequest, sink?: ResponseSink): Promise<InvocationOutcome> {
    return this.#enqueue(() => this.#invokeNext(request, sink));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#events.fail(new EngineError('the function was stopped'));
    this.#bootstrap.current?.api.close();
    // Closing its input ends the relay, which ends the log. The time limit is for an engine that hangs.
    this.#relay.close();
    await Promise.race([this.#stderrEnded, delay(LAST_LOGS_MS, undefined, { ref: false })]);
    this.#lines.flush();
    this.#attachment.stdout.destroy();
    this.#attachment.stderr.destroy();
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #logLine(line: string): void {
    this.#invocationLog?.add(line);
    this.#options.onLog(line);
  }

  /** Logs the relay's own stderr, which it writes to only if it fails. */
  async #readRelayLog(): Promise<void> {
    const { stderr } = this.#attachment;
    const lines = createLineReader((line) => {
      this.#logLine(line);
    });
    await new Promise<void>((resolve) => {
      stderr.on('data', (bytes: Buffer) => {
        lines.write(bytes);
      });
      for (const event of ['end', 'close', 'error'])
        stderr.on(event, () => {
          resolve();
        });
    });
    lines.flush();
  }

  /** Detects that the container has ended, or the connection to the engine was lost: the relay ends before `dispose`. */
  async #watchRelay(): Promise<void> {
    const { container, signal } = this.#options;
    try {
      await this.#relay.closed;
      if (this.#disposed) return;
      const { exitCode, outOfMemory } = await container.wait(signal);
      const how = outOfMemory ? 'exceeded its memory limit' : `ended with status ${exitCode}`;
      throw new EngineError(`the container of the function ${how}`);
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#events.fail(reason);
      if (!this.#disposed && !signal.aborted) this.#options.onFailure?.(reason);
    }
  }

  async #initOnce(): Promise<void> {
    if (this.#initTried) return;
    this.#initTried = true;
    const result = await this.#bootstrap.start(this.#options.initTimeoutMs, undefined);
    if (result.status === 'ready') this.#initMs = result.ms;
    else this.#logFailedInit('init', result);
  }

  #logFailedInit(phase: 'init' | 'invoke', result: Exclude<InitResult, { status: 'ready' }>): void {
    const failure: ReportedFailure =
      result.status === 'timeout'
        ? { status: 'timeout' }
        : { status: 'error', errorType: result.failure.error.errorType };
    this.#lines.flush();
    this.#logLine(initReportLine({ phase, initMs: result.ms, failure }));
  }

  async #invokeNext(request: InvocationRequest, sink: ResponseSink | undefined): Promise<InvocationOutcome> {
    this.#options.signal.throwIfAborted();
    await this.#initOnce();
    await this.#finishLast();
    const invocation: Invocation = {
      requestId: request.requestId ?? this.#options.newRequestId(),
      begun: performance.now(),
      startedAt: this.#options.now(),
      log: createInvocationLog(),
      request,
      sink,
    };
    this.#invocationLog = invocation.log;
    try {
      const ending = await this.#run(invocation);
      return this.#report(invocation, ending);
    } finally {
      this.#invocationLog = undefined;
    }
  }

  /**
   * Waits for the end of the last invocation: until the bootstrap asks for the next event. A bootstrap that exits instead,
   * or does not ask before the deadline of the last invocation, is replaced by the next invocation.
   */
  async #finishLast(): Promise<void> {
    const bootstrap = this.#bootstrap.current;
    if (bootstrap === undefined) return;
    while (!bootstrap.api.isReady && bootstrap.exit === undefined) {
      const event = await this.#events.next((this.#last?.deadline ?? 0) - performance.now());
      if (event !== undefined) continue;
      await this.#bootstrap.stop();
      const { now, timeoutMs } = this.#options;
      if (this.#last !== undefined)
        this.#logLine(timeoutLine(this.#last.requestId, { now: now(), timeoutMs }));
      return;
    }
    this.#logExit();
  }

  /** Logs that the bootstrap exited between two invocations, if it did. */
  #logExit(): void {
    const exit = this.#bootstrap.current?.exit;
    if (exit === undefined) return;
    this.#lines.flush();
    for (const line of failureLines(exitFailure(exit, this.#last?.requestId))) this.#logLine(line);
    this.#bootstrap.forget();
  }

  async #run(invocation: Invocation): Promise<InvocationEnding> {
    const { requestId, begun, startedAt, request, sink } = invocation;
    const { timeoutMs, functionArn, now } = this.#options;
    const left = (): number => timeoutMs - (performance.now() - begun);
    let failedInit: Exclude<InitResult, { status: 'ready' }> | undefined;
    if (this.#bootstrap.current === undefined) {
      const init = await this.#bootstrap.start(left(), requestId);
      if (init.status !== 'ready') {
        failedInit = init;
        this.#logFailedInit('invoke', init);
      }
    }
    this.#lines.flush();
    this.#logLine(startLine(requestId));
    if (failedInit?.status === 'timeout')
      return timeoutEnding(requestId, { now: now(), timeoutMs, streamed: false });
    if (failedInit?.status === 'error') return failedEnding(failedInit.failure, false);

    const bootstrap = this.#bootstrap.current;
    if (bootstrap === undefined) throw new EngineError('the function was stopped');
    let streaming = false;
    const watchedSink: ResponseSink | undefined = sink && {
      begin: (head) => {
        streaming = true;
        sink.begin(head);
      },
      write: (bytes) => sink.write(bytes),
    };
    const deadline = startedAt + timeoutMs;
    bootstrap.api.invoke({ ...request, requestId, functionArn, startedAt, deadline }, watchedSink);
    for (;;) {
      const event = await this.#events.next(left());
      if (event === undefined) {
        await this.#bootstrap.stop();
        return timeoutEnding(requestId, { now: now(), timeoutMs, streamed: streaming });
      }
      if (event.kind === 'answered') {
        this.#last = { requestId, deadline: begun + timeoutMs };
        return answeredEnding(event.answer);
      }
      // Continue if it is running, or if it exited after sending an answer that is still being read.
      if (bootstrap.exit === undefined || bootstrap.api.answering) continue;
      this.#bootstrap.forget();
      return failedEnding(exitFailure(bootstrap.exit, requestId), streaming);
    }
  }

  #report(
    { requestId, begun, log }: Invocation,
    { answer, status, failure, lines }: InvocationEnding,
  ): InvocationOutcome {
    const { timeoutMs, memoryMb } = this.#options;
    // A timer may fire slightly early.
    const durationMs = status === 'timeout' ? timeoutMs : Math.min(performance.now() - begun, timeoutMs);
    const peak = this.#relay.peakMemory;
    const report: InvocationReport = {
      initMs: this.#initMs,
      durationMs,
      billedMs: Math.ceil(durationMs + (this.#initMs ?? 0)),
      memoryMb,
      peakMemoryMb: peak === undefined ? undefined : Math.ceil(peak / 1024 ** 2),
    };
    this.#initMs = undefined;
    this.#lines.flush();
    for (const line of [...lines, endLine(requestId), reportLine(requestId, { report, failure })])
      this.#logLine(line);
    return {
      requestId,
      status,
      payload: answer.payload,
      contentType: answer.contentType,
      streamed: answer.streamed,
      error: answer.error,
      report,
      logTail: log.tail(),
    };
  }
}

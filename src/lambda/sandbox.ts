import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../core/errors.js';
import type { Attachment, Container } from '../engine/container-engine.js';
import { createBootstrapLives, type BootstrapLives, type InitResult } from './bootstrap-life.js';
import { createHappenings, type Happenings } from './happenings.js';
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
import { createLineReader, type LineReader } from './log-lines.js';
import { multiplexRelay, type RelayMultiplexer } from './relay-multiplexer.js';
import { endLine, initReportLine, reportLine, startLine, type ReportedFailure } from './report-lines.js';

/** How long the end of the log is waited for when a function is stopped. */
const LAST_LOGS_MS = 2_000;

export interface SandboxOptions {
  /** Created with `relayCommand` and `functionEnvironment`, filled, and not started. It stays the caller's to remove. */
  readonly container: Container;
  readonly functionArn: string;
  /** What the REPORT line says; the limit itself is set on the container by its creator. */
  readonly memoryMb: number;
  /** How long one invocation may take. */
  readonly timeoutMs: number;
  /** How long the bootstrap may take until it asks for its first event. Lambda: 10 s. */
  readonly initTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A new request id for each invocation, in the form of a UUID. */
  readonly newRequestId: () => string;
  /** Gets every line that the function and the bootstrap write, and START, END, REPORT and INIT_REPORT. */
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A function at work in a container, as one Lambda sandbox is. Leaving its scope ends it; the container is left to its owner. */
export interface Sandbox extends AsyncDisposable {
  /**
   * Starts the bootstrap unless it was: fulfilled when it asks for its first event, or when its init failed
   * (the first invocation then retries it, as Lambda does). Rejects for the engine's faults and the signal only.
   */
  init(): Promise<void>;
  /**
   * One at a time: a second call waits for the first. Function failures are outcomes; rejects for the engine's
   * faults and the signal only.
   */
  invoke(request: InvocationRequest, sink?: ResponseSink): Promise<InvocationOutcome>;
}

/** Starts the container, and serves the Runtime API to what runs in it. */
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

/** An invocation under way. */
interface Invocation {
  readonly requestId: string;
  /** Of the monotonic clock; it counts from 0 at some time in the past. */
  readonly begun: number;
  readonly startedAt: number;
  readonly log: InvocationLog;
  readonly request: InvocationRequest;
  readonly sink: ResponseSink | undefined;
}

class RelayedSandbox implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #attachment: Attachment;
  readonly #happenings: Happenings = createHappenings();
  readonly #relay: RelayMultiplexer;
  readonly #lives: BootstrapLives;
  readonly #lines: LineReader;
  readonly #stderrEnded: Promise<void>;
  readonly #onAbort: () => void;
  #initTried = false;
  /** Of the init before the first invocation, until that has reported it. */
  #initMs: number | undefined;
  #log: InvocationLog | undefined;
  /** The invocation that was answered last, and the end of its time: it is over when the bootstrap asks again. */
  #last: { readonly requestId: string; readonly deadline: number } | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(options: SandboxOptions, attachment: Attachment) {
    const { signal } = options;
    this.#options = options;
    this.#attachment = attachment;
    this.#lines = createLineReader((line) => {
      this.#say(line);
    });
    this.#lives = createBootstrapLives({
      relay: () => this.#relay,
      happenings: this.#happenings,
      onIdleExit: () => {
        this.#sayExit();
      },
    });
    this.#relay = multiplexRelay({
      stdout: attachment.stdout,
      stdin: attachment.stdin,
      onConnection: (connection) => {
        this.#lives.connect(connection);
      },
      onLog: (bytes) => {
        this.#lines.write(bytes);
      },
      onExit: (exit) => {
        this.#lives.exited(exit);
      },
    });
    this.#stderrEnded = this.#readRelayLog();
    this.#onAbort = () => {
      this.#happenings.break(
        signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)),
      );
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
    this.#happenings.break(new EngineError('the function was stopped'));
    this.#lives.current?.api.close();
    // The end of its input ends the relay, and that the log; an engine that hangs must not hold us.
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

  #say(line: string): void {
    this.#log?.add(line);
    this.#options.onLog(line);
  }

  /** The relay itself has something to say only when it is in trouble. */
  async #readRelayLog(): Promise<void> {
    const { stderr } = this.#attachment;
    const lines = createLineReader((line) => {
      this.#say(line);
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

  /** It ends before the sandbox does: then the container is gone, or the engine. */
  async #watchRelay(): Promise<void> {
    const { container, signal } = this.#options;
    try {
      await this.#relay.closed;
      if (this.#disposed) return;
      const { exitCode, outOfMemory } = await container.wait(signal);
      const how = outOfMemory ? 'was killed for its memory limit' : `ended with status ${exitCode}`;
      throw new EngineError(`the container of the function ${how}`);
    } catch (error) {
      this.#happenings.break(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #initOnce(): Promise<void> {
    if (this.#initTried) return;
    this.#initTried = true;
    const result = await this.#lives.start(this.#options.initTimeoutMs, undefined);
    if (result.status === 'ready') this.#initMs = result.ms;
    else this.#sayFailedInit('init', result);
  }

  #sayFailedInit(phase: 'init' | 'invoke', result: Exclude<InitResult, { status: 'ready' }>): void {
    const failure: ReportedFailure =
      result.status === 'timeout'
        ? { status: 'timeout' }
        : { status: 'error', errorType: result.failure.error.errorType };
    this.#lines.flush();
    this.#say(initReportLine({ phase, initMs: result.ms, failure }));
  }

  async #invokeNext(request: InvocationRequest, sink: ResponseSink | undefined): Promise<InvocationOutcome> {
    this.#options.signal.throwIfAborted();
    await this.#initOnce();
    await this.#finishLast();
    const invocation: Invocation = {
      requestId: this.#options.newRequestId(),
      begun: performance.now(),
      startedAt: this.#options.now(),
      log: createInvocationLog(),
      request,
      sink,
    };
    this.#log = invocation.log;
    try {
      const ending = await this.#run(invocation);
      return this.#report(invocation, ending);
    } finally {
      this.#log = undefined;
    }
  }

  /**
   * The last invocation is over when the bootstrap asks for the next event. One that ends instead is replaced by
   * the next invocation, and so is one that does not come back before that invocation's time is over.
   */
  async #finishLast(): Promise<void> {
    const life = this.#lives.current;
    if (life === undefined) return;
    while (!life.api.asked && life.exit === undefined) {
      const happening = await this.#happenings.next((this.#last?.deadline ?? 0) - performance.now());
      if (happening !== undefined) continue;
      await this.#lives.stop();
      const { now, timeoutMs } = this.#options;
      if (this.#last !== undefined) this.#say(timeoutLine(this.#last.requestId, { now: now(), timeoutMs }));
      return;
    }
    this.#sayExit();
  }

  /** The bootstrap ended between two invocations, if it did. */
  #sayExit(): void {
    const exit = this.#lives.current?.exit;
    if (exit === undefined) return;
    this.#lines.flush();
    for (const line of failureLines(exitFailure(exit, this.#last?.requestId))) this.#say(line);
    this.#lives.forget();
  }

  async #run(invocation: Invocation): Promise<InvocationEnding> {
    const { requestId, begun, startedAt, request, sink } = invocation;
    const { timeoutMs, functionArn, now } = this.#options;
    const left = (): number => timeoutMs - (performance.now() - begun);
    let failedInit: Exclude<InitResult, { status: 'ready' }> | undefined;
    if (this.#lives.current === undefined) {
      const init = await this.#lives.start(left(), requestId);
      if (init.status !== 'ready') {
        failedInit = init;
        this.#sayFailedInit('invoke', init);
      }
    }
    this.#lines.flush();
    this.#say(startLine(requestId));
    if (failedInit?.status === 'timeout')
      return timeoutEnding(requestId, { now: now(), timeoutMs, streamed: false });
    if (failedInit?.status === 'error') return failedEnding(failedInit.failure, false);

    const life = this.#lives.current;
    if (life === undefined) throw new EngineError('the function was stopped');
    let streaming = false;
    const watchedSink: ResponseSink | undefined = sink && {
      begin: (head) => {
        streaming = true;
        sink.begin(head);
      },
      write: (bytes) => sink.write(bytes),
    };
    const deadline = startedAt + timeoutMs;
    life.api.invoke({ ...request, requestId, functionArn, startedAt, deadline }, watchedSink);
    for (;;) {
      const happening = await this.#happenings.next(left());
      if (happening === undefined) {
        await this.#lives.stop();
        return timeoutEnding(requestId, { now: now(), timeoutMs, streamed: streaming });
      }
      if (happening.kind === 'answered') {
        this.#last = { requestId, deadline: begun + timeoutMs };
        return answeredEnding(happening.answer);
      }
      // It sent its answer before it ended, and the answer is still being taken in.
      if (life.exit === undefined || life.api.answering) continue;
      this.#lives.forget();
      return failedEnding(exitFailure(life.exit, requestId), streaming);
    }
  }

  #report(
    { requestId, begun, log }: Invocation,
    { answer, status, failure, lines }: InvocationEnding,
  ): InvocationOutcome {
    const { timeoutMs, memoryMb } = this.#options;
    // A timer may be early by a fraction.
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
      this.#say(line);
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

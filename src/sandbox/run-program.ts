import type { Readable } from 'node:stream';
import { EngineError } from '../core/errors.js';
import type { Attachment, Container, ContainerEngine, ContainerSpec } from '../engine/container-engine.js';
import { normalizeTree, type NormalizeOptions } from '../tree/normalize-tree.js';
import type { Tree } from '../tree/tree.js';

/** A program to run once in its own container. */
export interface ContainerProgram {
  readonly engine: ContainerEngine;
  readonly spec: ContainerSpec;
  /** Puts files into the container before it starts. */
  readonly fill?: (container: Container) => Promise<void>;
  /** Writes to the program's stdin without waiting. Without this function, stdin is closed at once. */
  readonly feed?: (stdin: Attachment['stdin']) => void;
  /** Reads stdout and stderr, each to its end. When one rejects, the program is stopped. */
  readonly output: ProgramOutput;
  /** How long the program may run, in milliseconds; undefined for no limit. */
  readonly limitMs: number | undefined;
  /** Called with the container's id on failure; the container is then kept. Without this function, it is removed. */
  readonly keepFailed?: ((containerId: string) => void) | undefined;
  readonly signal: AbortSignal;
}

/** The readers of a program's output. */
export interface ProgramOutput {
  readonly stdout: (stream: Readable) => Promise<void>;
  readonly stderr: (stream: Readable) => Promise<void>;
}

/** How a program ended. */
export type ProgramEnd =
  | { readonly status: 'exited'; readonly exitCode: number; readonly outOfMemory: boolean }
  | { readonly status: 'timed-out'; readonly limitMs: number }
  /** The program, or something that it needs, does not exist in the image. */
  | { readonly status: 'not-started'; readonly reason: string };

/** A program that has ended, and whose container still exists. */
export interface EndedProgram {
  readonly end: ProgramEnd;
  /**
   * Copies a folder out of the container as a normalized tree. Returns undefined if it does not exist. Throws LayerError for
   * entries that must not leave a container.
   */
  readonly takeFolder: (path: string, options: TakeOptions) => Promise<Tree | undefined>;
}

/** Options of `takeFolder`: where its content is stored, and which folder below the path is taken. */
export type TakeOptions = Omit<NormalizeOptions, 'signal'>;

/**
 * Creates a container, runs its program to the end, calls `use` with the result and removes the container. Throws errors of
 * `use` and the engine's errors.
 */
export async function runProgram<T>(
  program: ContainerProgram,
  use: (ended: EndedProgram) => Promise<T> | T,
): Promise<T> {
  const { engine, spec, signal, keepFailed } = program;
  const container = await engine.createContainer(spec, signal);
  let isKept = false;
  await using _removed = {
    [Symbol.asyncDispose]: async () => {
      if (!isKept) await container[Symbol.asyncDispose]();
    },
  };
  try {
    await program.fill?.(container);
    const end = await runToEnd(container, program);
    return await use({
      end,
      takeFolder: (path, options) => takeFolder(container, { ...options, path, signal }),
    });
  } catch (error) {
    // An aborted run has no failure to inspect.
    if (keepFailed !== undefined && !signal.aborted) {
      isKept = true;
      keepFailed(container.id);
    }
    throw error;
  }
}

async function runToEnd(container: Container, program: ContainerProgram): Promise<ProgramEnd> {
  const { output, feed, limitMs, signal } = program;
  const closed = new AbortController();
  const attachment = await container.attach(AbortSignal.any([signal, closed.signal]));
  if (feed === undefined) attachment.stdin.end();
  else feed(attachment.stdin);
  const reading = Promise.all([output.stdout(attachment.stdout), output.stderr(attachment.stderr)]);
  // Awaited below; until then a failure must not count as unhandled.
  reading.catch(() => undefined);
  try {
    await container.start(signal);
  } catch (error) {
    closed.abort(error);
    if (!isMissingProgram(error)) throw error;
    return { status: 'not-started', reason: error.message };
  }
  const limit = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
  try {
    // Both at once: if reading the output fails, the program would wait for its reader forever.
    const waiting = container.wait(limit === undefined ? signal : AbortSignal.any([signal, limit]));
    const [{ exitCode, outOfMemory }] = await Promise.all([waiting, reading]);
    return { status: 'exited', exitCode, outOfMemory };
  } catch (error) {
    // A container that is kept, or that the engine fails to remove, would hold its connections open.
    closed.abort(error);
    if (limitMs === undefined || limit?.aborted !== true || signal.aborted) throw error;
    return { status: 'timed-out', limitMs };
  } finally {
    attachment.stdin.end();
  }
}

/** Reports whether an error means that the program, or something that it needs, does not exist in the image or the layer. */
function isMissingProgram(error: unknown): error is EngineError {
  return (
    error instanceof EngineError &&
    error.statusCode !== undefined &&
    /no such file|not found|permission denied|exec format/i.test(error.message)
  );
}

async function takeFolder(
  container: Container,
  { path, signal, ...options }: TakeOptions & { readonly path: string; readonly signal: AbortSignal },
): Promise<Tree | undefined> {
  try {
    return await normalizeTree(await container.getArchive(path, signal), { ...options, signal });
  } catch (error) {
    if (error instanceof EngineError && error.statusCode === 404) return undefined;
    throw error;
  }
}

/** Describes how a program failed, to be put after its name: `ended with status 2`. Returns undefined for exit status 0. */
export function programFailure(
  end: ProgramEnd,
  { memoryBytes }: Pick<ContainerSpec, 'memoryBytes'>,
): string | undefined {
  switch (end.status) {
    case 'exited':
      if (end.exitCode === 0) return undefined;
      return end.outOfMemory
        ? `used more than its ${Math.floor(memoryBytes / 1024 ** 2)} MiB of memory`
        : `ended with status ${end.exitCode}`;
    case 'timed-out':
      return `did not end within ${timeText(end.limitMs)}`;
    case 'not-started':
      return `could not be started: ${end.reason}`;
  }
}

function timeText(ms: number): string {
  if (ms < 120_000) return `${ms / 1000} s`;
  return ms < 7_200_000
    ? `${Number((ms / 60_000).toFixed(1))} min`
    : `${Number((ms / 3_600_000).toFixed(1))} h`;
}

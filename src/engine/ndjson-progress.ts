import { z } from 'zod';

import { EngineError } from '../core/errors.js';

/** One JSON document of a progress stream that is not an error. */
export interface ProgressFrame {
  /** What happens to `id` now: `Downloading`; on its own it is a sentence, or an imported image's id. */
  readonly status: string | undefined;
  /** The layer that `status` is about. */
  readonly id: string | undefined;
  /** Output of a build, in pieces that need not be lines. */
  readonly stream: string | undefined;
  /** The image that a build made. */
  readonly imageId: string | undefined;
}

const text = z.string().optional().catch(undefined);

const frameSchema = z.object({
  status: text,
  id: text,
  stream: text,
  error: text,
  errorDetail: z.object({ message: text }).optional().catch(undefined),
  aux: z.object({ ID: text }).optional().catch(undefined),
});

/** Longer than any line of a real engine: BuildKit's traces come to some hundred KiB. */
const LINE_LIMIT = 8 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads the JSON lines that pull, build and import answer with. HTTP said 200 before any of the work was
 * done, so an `error` or `errorDetail` frame is the failure: it becomes an EngineError, as do lines that
 * are not JSON objects. A stream that breaks off throws Node's own error.
 */
export async function* readProgress(
  source: AsyncIterable<Uint8Array>,
  doing: string,
): AsyncGenerator<ProgressFrame, void> {
  for await (const line of lines(source, doing)) {
    if (line.trim() !== '') yield parseFrame(line, doing);
  }
}

/** Splits at newlines before decoding, so that a character cut by a chunk's end stays whole. */
async function* lines(source: AsyncIterable<Uint8Array>, doing: string): AsyncGenerator<string, void> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  const take = (): string => {
    const line = Buffer.concat(pieces).toString('utf8');
    pieces = [];
    size = 0;
    return line;
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pieces.push(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    pieces.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > LINE_LIMIT) throw new EngineError(`cannot ${doing}: the engine sent a line without an end`);
  }
  yield take();
}

function parseFrame(line: string, doing: string): ProgressFrame {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new EngineError(
      `cannot ${doing}: the engine sent something that is not JSON: ${line.slice(0, 200)}`,
      {
        cause,
      },
    );
  }
  const parsed = frameSchema.safeParse(json);
  if (!parsed.success) {
    throw new EngineError(`cannot ${doing}: the engine sent something odd: ${line.slice(0, 200)}`, {
      cause: parsed.error,
    });
  }
  const { status, id, stream, error, errorDetail, aux } = parsed.data;
  if (error !== undefined || errorDetail !== undefined) {
    const message = errorDetail?.message ?? error ?? '';
    throw new EngineError(`cannot ${doing}: ${message.trim() || 'the engine gives no reason'}`);
  }
  return { status, id, stream, imageId: aux?.ID };
}

/** Turns frames into lines for a person: build output line by line, and each layer's state when it changes. */
export class ProgressLines {
  readonly #onLine: (line: string) => void;
  readonly #states = new Map<string, string>();
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(frame: ProgressFrame): void {
    if (frame.stream !== undefined) {
      const parts = (this.#rest + frame.stream).split('\n');
      this.#rest = parts.pop() ?? '';
      for (const part of parts) this.#emit(part);
    }
    if (frame.status === undefined) return;
    if (frame.id === undefined) {
      this.#emit(frame.status);
    } else if (this.#states.get(frame.id) !== frame.status) {
      // The same state comes again for every few KiB.
      this.#states.set(frame.id, frame.status);
      this.#emit(`${frame.id}: ${frame.status}`);
    }
  }

  /** Emits what came after the last newline. */
  end(): void {
    this.#emit(this.#rest);
    this.#rest = '';
  }

  #emit(line: string): void {
    // A carriage return redraws a line on a terminal: its last state is what counts.
    const visible = line.trimEnd().split('\r').pop() ?? '';
    if (visible !== '') this.#onLine(visible);
  }
}

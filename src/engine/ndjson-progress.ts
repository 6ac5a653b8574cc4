import { z } from 'zod';

import { EngineError } from '../core/errors.js';

/** One JSON document of a progress stream, other than an error. */
export interface ProgressFrame {
  /** The state of `id`: `Downloading`. Without `id` it is a sentence, or the id of an imported image. */
  readonly status: string | undefined;
  /** The layer that `status` is about. */
  readonly id: string | undefined;
  /** A piece of a build's output, which may not be a whole line. */
  readonly stream: string | undefined;
  /** The id of the image that a build created. */
  readonly imageId: string | undefined;
  /** The digest of the manifest that a push wrote. */
  readonly digest: string | undefined;
}

const text = z.string().optional().catch(undefined);

const frameSchema = z.object({
  status: text,
  id: text,
  stream: text,
  error: text,
  errorDetail: z.object({ message: text }).optional().catch(undefined),
  aux: z.object({ ID: text, Digest: text }).optional().catch(undefined),
});

/** Longer than any line of a real engine: BuildKit's traces take a few hundred KiB. */
const LINE_LIMIT = 8 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads the JSON lines that pull, build and import return. The HTTP status is 200 before any work is done, so failures
 * are reported as an `error` or `errorDetail` frame. Throws EngineError for such a frame, and for lines that are not JSON
 * objects. A stream that breaks off throws Node's own error.
 */
export async function* readProgress(
  source: AsyncIterable<Uint8Array>,
  doing: string,
): AsyncGenerator<ProgressFrame, void> {
  for await (const line of lines(source, doing)) {
    if (line.trim() !== '') yield parseFrame(line, doing);
  }
}

/** Splits at newlines before decoding, so that characters that span two chunks are decoded correctly. */
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
    if (size > LINE_LIMIT) throw new EngineError(`cannot ${doing}: the engine sent a line that is too long`);
  }
  yield take();
}

function parseFrame(line: string, doing: string): ProgressFrame {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new EngineError(`cannot ${doing}: the engine sent a line that is not JSON: ${line.slice(0, 200)}`, {
      cause,
    });
  }
  const parsed = frameSchema.safeParse(json);
  if (!parsed.success) {
    throw new EngineError(`cannot ${doing}: the engine sent an invalid frame: ${line.slice(0, 200)}`, {
      cause: parsed.error,
    });
  }
  const { status, id, stream, error, errorDetail, aux } = parsed.data;
  if (error !== undefined || errorDetail !== undefined) {
    const message = errorDetail?.message ?? error ?? '';
    throw new EngineError(`cannot ${doing}: ${message.trim() || 'the engine gave no reason'}`);
  }
  return { status, id, stream, imageId: aux?.ID, digest: aux?.Digest };
}

/** Turns frames into readable lines: build output line by line, and the state of each layer when it changes. */
export class ProgressLines {
  readonly #onLine: (line: string) => void;
  readonly #states = new Map<string, string>();
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Emits the lines that a frame completes. */
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
      // The engine repeats the state every few KiB.
      this.#states.set(frame.id, frame.status);
      this.#emit(`${frame.id}: ${frame.status}`);
    }
  }

  /** Emits an unfinished last line. */
  end(): void {
    this.#emit(this.#rest);
    this.#rest = '';
  }

  #emit(line: string): void {
    // A carriage return redraws a line on a terminal: only the last state is shown.
    const visible = line.trimEnd().split('\r').pop() ?? '';
    if (visible !== '') this.#onLine(visible);
  }
}

import { PassThrough, type Readable } from 'node:stream';

import { EngineError } from '../core/errors.js';
import { lostConnection } from './translate-error.js';

/** The two outputs of `splitMultiplexed`. */
export interface SplitStreams {
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** How `splitMultiplexed` handles errors and the end of its source. */
export interface SplitOptions {
  /** Completes "cannot …" in messages. */
  readonly doing: string;
  /** Called when the source ends between two frames. Both outputs end once it resolves, or fail with its error. */
  readonly beforeEnd: () => Promise<void>;
  /** Creates the error for the outputs from any failure. */
  readonly translate: (error: unknown) => Error;
}

const HEADER_BYTES = 8;
/** Engines send frames of a few KiB: a length above this limit means that the bytes are not a header. */
const FRAME_LIMIT = 16 * 1024 * 1024;

/**
 * Splits an attached container's output into stdout and stderr: frames of one byte for the stream, three
 * zeros, four bytes of length (big-endian), then the data
 * (https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach).
 *
 * The source is read only as fast as the slower output, so read both. Data for an output that its reader has destroyed is
 * discarded. A failure destroys both outputs with an error; an error listener is not required.
 */
export function splitMultiplexed(source: Readable, options: SplitOptions): SplitStreams {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  for (const output of [stdout, stderr]) output.on('error', () => undefined);
  pump(source, { stdout, stderr }, options).then(
    () => {
      stdout.end();
      stderr.end();
    },
    (error: unknown) => {
      const translated = options.translate(error);
      source.destroy();
      stdout.destroy(translated);
      stderr.destroy(translated);
    },
  );
  return { stdout, stderr };
}

async function pump(
  source: Readable,
  outputs: { readonly stdout: PassThrough; readonly stderr: PassThrough },
  options: SplitOptions,
): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerFilled = 0;
  let remaining = 0;
  let frame: 'stdout' | 'stderr' | 'engine' = 'stdout';
  let engineSays = '';

  for await (const chunk of source as AsyncIterable<Buffer>) {
    let rest = chunk;
    while (rest.length > 0) {
      if (remaining === 0) {
        const taken = rest.copy(header, headerFilled, 0, HEADER_BYTES - headerFilled);
        rest = rest.subarray(taken);
        headerFilled += taken;
        if (headerFilled < HEADER_BYTES) break;
        headerFilled = 0;
        ({ frame, length: remaining } = parseHeader(header, options.doing));
        continue;
      }
      const part = rest.subarray(0, remaining);
      rest = rest.subarray(part.length);
      remaining -= part.length;
      if (frame === 'engine') {
        engineSays += part.toString('latin1');
        if (remaining === 0 || engineSays.length > 1000) {
          throw new EngineError(`cannot ${options.doing}: ${engineSays.trim()}`);
        }
      } else {
        await write(outputs[frame], part);
      }
    }
  }
  if (remaining > 0 || headerFilled > 0) {
    throw lostConnection('the stream ended inside a frame');
  }
  await options.beforeEnd();
}

function parseHeader(
  header: Buffer,
  doing: string,
): { readonly frame: 'stdout' | 'stderr' | 'engine'; readonly length: number } {
  const length = header.readUInt32BE(4);
  const kind = header.readUInt8(0);
  // 0 is stdin, which engines echo on stdout if at all; 3 is an error of the engine itself.
  const frame = kind <= 1 ? 'stdout' : kind === 2 ? 'stderr' : kind === 3 ? 'engine' : undefined;
  if (frame === undefined || header.readUIntBE(1, 3) !== 0 || length > FRAME_LIMIT) {
    throw new EngineError(
      `cannot ${doing}: the engine sent an invalid frame header: ${header.toString('hex')}`,
      {
        hint: 'Check whether a proxy between this machine and the engine changes the data.',
      },
    );
  }
  return { frame, length };
}

async function write(output: PassThrough, part: Buffer): Promise<void> {
  if (output.destroyed || output.write(part)) return;
  await new Promise<void>((resolve) => {
    // `drain` never comes from an output that its reader has destroyed.
    const settle = (): void => {
      output.off('drain', settle).off('close', settle);
      resolve();
    };
    output.on('drain', settle).on('close', settle);
  });
}

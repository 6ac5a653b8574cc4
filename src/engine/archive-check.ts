import { Transform, finished, type Readable } from 'node:stream';

import { EngineError } from '../core/errors.js';

/** Two blocks of zeros end a tar (POSIX.1-2017, pax, "ustar Interchange Format"). */
const END_BYTES = 1024;
const BLOCK_BYTES = 512;

/**
 * Passes on a tar from the engine, and fails at its end unless the tar is complete. An engine that fails halfway can no
 * longer report it in the HTTP status: it ends the answer early, and appends the error as JSON. `translate` creates the
 * error for a lost connection. The stream may be destroyed at any time; an error listener is not required.
 */
export function checkedArchive(
  source: Readable,
  options: { readonly translate: (error: unknown) => Error },
): Readable {
  let size = 0;
  let zeros = 0;
  const checked = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      const trailing = trailingZeros(chunk);
      zeros = trailing === chunk.length ? Math.min(zeros + trailing, END_BYTES) : trailing;
      done(null, chunk);
    },
    flush(done) {
      const whole = size % BLOCK_BYTES === 0 && zeros >= END_BYTES;
      done(
        whole
          ? null
          : new EngineError(`the archive from the engine ends early, after ${size} bytes`, {
              hint: "Check the engine's log for the cause, such as a full disk.",
            }),
      );
    },
  });
  checked.on('error', () => undefined);
  finished(source, (error) => {
    if (error) checked.destroy(options.translate(error));
  });
  checked.once('close', () => source.destroy());
  source.pipe(checked);
  return checked;
}

function trailingZeros(chunk: Buffer): number {
  const limit = Math.min(chunk.length, END_BYTES);
  for (let count = 0; count < limit; count += 1) {
    if (chunk[chunk.length - 1 - count] !== 0) return count;
  }
  return limit;
}

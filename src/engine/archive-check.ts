import { Transform, finished, type Readable } from 'node:stream';

import { EngineError } from '../core/errors.js';

/** Two blocks of zeros end a tar (POSIX.1-2017, pax, "ustar Interchange Format"). */
const END_BYTES = 1024;
const BLOCK_BYTES = 512;

/**
 * Passes a tar on that an engine sends, and fails at its end unless it is whole. An engine that runs into an
 * error halfway can no longer say so in the HTTP status: it ends the answer early, with the error's JSON
 * behind what it has sent. `translate` makes the error for a connection that breaks. The stream may be
 * destroyed at any time, and nobody has to listen for its errors.
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
              hint: "See the engine's log for what went wrong there, a full disk for one.",
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

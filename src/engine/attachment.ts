import { Writable, type Duplex } from 'node:stream';

import type { Attachment } from './container-engine.js';
import { splitMultiplexed } from './multiplexed-stream.js';
import { abortReason } from './translate-error.js';

/** What an attachment is made of. */
export interface AttachmentParts {
  /** A raw connection to the container's stdin. */
  readonly input: Duplex;
  /** A raw connection that carries stdout and stderr, multiplexed. */
  readonly output: Duplex;
  readonly signal: AbortSignal;
  /** Rejects when the engine is gone. */
  readonly ping: () => Promise<void>;
  readonly translate: (error: unknown) => Error;
}

/**
 * Puts an attachment together. Input and output have a connection each: when a container ends without
 * having read all of its stdin, the write that fails would take with it the output that has not been read yet.
 *
 * The end of a container and the end of its engine look the same on a connection, so the engine is asked
 * before the outputs end. All three streams may fail without anybody listening: `wait` tells as well.
 */
export function makeAttachment(parts: AttachmentParts): Attachment {
  const { signal } = parts;
  const stdin = forwardTo(parts);
  const { stdout, stderr } = splitMultiplexed(parts.output, {
    doing: 'read the output of a container',
    beforeEnd: parts.ping,
    translate: parts.translate,
  });

  const onAbort = (): void => {
    const reason = abortReason(signal);
    for (const stream of [stdin, stdout, stderr]) stream.destroy(reason);
    parts.input.destroy();
    parts.output.destroy();
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  parts.output.once('close', () => {
    signal.removeEventListener('abort', onAbort);
    parts.input.destroy();
  });
  return { stdin, stdout, stderr };
}

/**
 * A writable end that outlives its connection: once the container no longer reads, it is destroyed without an
 * error, as the exit code says more; with an EngineUnavailableError if the engine is gone.
 */
function forwardTo({ input, ping, translate }: AttachmentParts): Writable {
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      // A write that fails is answered by the connection's end, below.
      input.write(chunk, (error) => {
        if (!error) done();
      });
    },
    final: (done) => {
      input.end(() => {
        done();
      });
    },
    destroy: (error, done) => {
      // After a regular end the connection stays until the output ends: Podman loses what it has not yet
      // passed on, and the end itself, if the connection goes further than half-closed.
      if (!stdin.writableFinished) input.destroy();
      done(error);
    },
  });
  stdin.on('error', () => undefined);
  input.on('error', () => undefined);
  // Nothing comes this way, but unless it is read its end is not seen.
  input.resume();
  input.once('close', () => {
    if (stdin.destroyed) return;
    ping().then(
      () => stdin.destroy(),
      (error: unknown) => stdin.destroy(translate(error)),
    );
  });
  return stdin;
}

import { Writable, type Duplex } from 'node:stream';

import type { Attachment } from './container-engine.js';
import { splitMultiplexed } from './multiplexed-stream.js';
import { abortReason } from './translate-error.js';

/** The connections that make up an attachment. */
export interface AttachmentParts {
  /** A raw connection to the container's stdin. */
  readonly input: Duplex;
  /** A raw connection that carries stdout and stderr, multiplexed. */
  readonly output: Duplex;
  readonly signal: AbortSignal;
  /** Rejects if the engine does not answer. */
  readonly ping: () => Promise<void>;
  readonly translate: (error: unknown) => Error;
}

/**
 * Creates an attachment from two connections. Input and output use separate connections: if a container ends without
 * reading all of its stdin, the failed write would otherwise also discard output that has not been read yet.
 *
 * A container that ends and an engine that ends look the same on a connection, so the engine is pinged before the outputs
 * end. The streams do not require error listeners: `wait` reports the same failures.
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
 * Creates a writable stream that forwards to the connection. It is destroyed when the container stops reading: without an
 * error, since the exit code says more, or with an EngineUnavailableError if the engine does not answer.
 */
function forwardTo({ input, ping, translate }: AttachmentParts): Writable {
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      // A failed write is handled when the connection closes, below.
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
      // After a regular end the connection stays half-closed until the output ends: if it is closed, Podman loses
      // the bytes that it has not passed on yet, and the end itself.
      if (!stdin.writableFinished) input.destroy();
      done(error);
    },
  });
  stdin.on('error', () => undefined);
  input.on('error', () => undefined);
  // It carries no data, but its end is only noticed while it is being read.
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

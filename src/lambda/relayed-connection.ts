import { Duplex } from 'node:stream';
import { EngineError } from '../core/errors.js';
import { RELAY_WINDOW, type Frame } from './relay-frames.js';

/** The largest data frame that is sent. It is smaller than the window, so that connections take turns. */
const LARGEST_DATA = 32 * 1024;

interface WaitingWrite {
  readonly rest: Buffer;
  readonly done: (error?: Error | null) => void;
}

/**
 * A TCP connection inside the container, as a Duplex. It can be half-open in both directions. Writes wait for credit from
 * the relay, and credit is sent only for data that has been read. A reset inside the container destroys it with
 * `ECONNRESET`.
 */
export class RelayedConnection extends Duplex {
  readonly id: number;
  readonly #send: (frame: Frame) => void;
  /** Received data that the reader has not consumed. */
  readonly #received: Buffer[] = [];
  #receivedBytes = 0;
  #uncredited = 0;
  #wanted = false;
  #endReceived = false;
  #credit = RELAY_WINDOW;
  #waiting: WaitingWrite | undefined;
  #endSent = false;
  #abandoned = false;

  constructor(id: number, send: (frame: Frame) => void) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.#send = send;
    // Without a listener, a reset would end the process.
    this.on('error', () => undefined);
  }

  /** Receives data from the container. Throws `EngineError` if the relay violates flow control. */
  receive(payload: Buffer): void {
    if (this.#endReceived)
      throw new EngineError(`the relay sent data after the end of connection ${this.id}`);
    if (this.#receivedBytes + this.#uncredited + payload.length > RELAY_WINDOW) {
      throw new EngineError(
        `the relay sent more on connection ${this.id} than its window of ${RELAY_WINDOW} bytes`,
      );
    }
    this.#received.push(payload);
    this.#receivedBytes += payload.length;
    this.#pushReceived();
  }

  /** Receives the end of the data from the container. */
  receiveEnd(): void {
    this.#endReceived = true;
    this.#pushReceived();
  }

  /** Receives a reset of the connection inside the container. */
  receiveReset(): void {
    this.abandon(
      Object.assign(new Error('the connection was reset in the container'), { code: 'ECONNRESET' }),
    );
  }

  /** Receives credit for bytes that the relay has passed on. Throws `EngineError` if they are more than were sent. */
  receiveCredit(bytes: number): void {
    if (bytes > RELAY_WINDOW - this.#credit) {
      throw new EngineError(`the relay confirmed more bytes on connection ${this.id} than it was sent`);
    }
    this.#credit += bytes;
    this.#sendWaiting();
  }

  /** Destroys the connection without sending a frame to the relay, which has already closed it. */
  abandon(error: Error): void {
    this.#abandoned = true;
    this.destroy(error);
  }

  override _read(): void {
    this.#wanted = true;
    this.#pushReceived();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#waiting = { rest: chunk, done };
    this.#sendWaiting();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#endSent = true;
    this.#send({ type: 'end', connection: this.id });
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#abandoned && !(this.#endSent && this.#endReceived)) {
      this.#send({ type: 'reset', connection: this.id });
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.done(error ?? new Error('the connection was closed'));
    this.#received.length = 0;
    done(error);
  }

  #pushReceived(): void {
    if (this.destroyed) return;
    while (this.#wanted) {
      const chunk = this.#received.shift();
      if (chunk === undefined) break;
      this.#receivedBytes -= chunk.length;
      this.#uncredited += chunk.length;
      // Reset first: push() may call _read(), which sets it again, before it returns.
      this.#wanted = false;
      if (this.push(chunk)) this.#wanted = true;
    }
    if (this.#endReceived) {
      if (this.#received.length === 0 && this.#wanted) {
        this.#wanted = false;
        this.push(null);
      }
    } else if (this.#uncredited >= RELAY_WINDOW / 2) {
      this.#send({ type: 'credit', connection: this.id, bytes: this.#uncredited });
      this.#uncredited = 0;
    }
  }

  #sendWaiting(): void {
    while (this.#waiting !== undefined && this.#credit > 0) {
      const { rest, done } = this.#waiting;
      const payload = rest.subarray(0, Math.min(this.#credit, LARGEST_DATA));
      const left = rest.subarray(payload.length);
      this.#credit -= payload.length;
      this.#waiting = left.length > 0 ? { rest: left, done } : undefined;
      if (payload.length > 0) this.#send({ type: 'data', connection: this.id, payload });
      if (left.length === 0) done();
    }
  }
}

import { PassThrough } from 'node:stream';
import { createFrameReader, encodeFrame, type Frame } from '../../src/lambda/relay-frames.js';

/** The container's side of the relay, played by a test: what it is sent is collected, what it sends is scripted. */
export interface RelayPeer {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly received: readonly Frame[];
  send(...frames: readonly Frame[]): void;
  /** All data that came for the connection. */
  dataOf(connection: number): Buffer;
  /** Fulfilled when the condition holds, which is looked at after each frame. */
  until(condition: () => boolean): Promise<void>;
}

/** With `autoCredit` it passes data on at once, as the relay does for a program that reads. */
export function createRelayPeer(options: { readonly autoCredit: boolean }): RelayPeer {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const reader = createFrameReader();
  const received: Frame[] = [];
  let waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];
  const send = (...frames: readonly Frame[]): void => {
    for (const frame of frames) stdout.write(encodeFrame(frame));
  };
  stdin.on('data', (bytes: Buffer) => {
    for (const frame of reader.read(bytes)) {
      received.push(frame.type === 'data' ? { ...frame, payload: Buffer.from(frame.payload) } : frame);
      if (frame.type === 'data' && options.autoCredit) {
        const { connection, payload } = frame;
        setImmediate(() => {
          if (stdout.writable) send({ type: 'credit', connection, bytes: payload.length });
        });
      }
    }
    for (const { condition, resolve } of waiting) if (condition()) resolve();
    waiting = waiting.filter(({ condition }) => !condition());
  });
  return {
    stdin,
    stdout,
    received,
    send,
    dataOf: (connection) =>
      Buffer.concat(
        received.flatMap((frame) =>
          frame.type === 'data' && frame.connection === connection ? [frame.payload] : [],
        ),
      ),
    until: async (condition) => {
      if (condition()) return;
      await new Promise<void>((resolve) => waiting.push({ condition, resolve }));
    },
  };
}

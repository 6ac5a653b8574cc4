import { PassThrough } from 'node:stream';
import type { Container } from '../../../src/engine/container-engine.js';
import {
  createFrameReader,
  encodeFrame,
  type Frame,
  type ProgramExit,
} from '../../../src/lambda/relay-frames.js';

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

/** A container in which the test itself is the relay and the bootstrap. */
export interface FakeContainer {
  readonly container: Container;
  readonly peer: RelayPeer;
  /** How often the program was to be started so far. */
  readonly starts: () => number;
  /** The next start of the program. */
  readonly started: () => Promise<void>;
  /** The program writes that to its stdout or stderr. */
  readonly print: (text: string) => void;
  /** The program opens a connection and sends a request on it; gives the connection's number. */
  readonly ask: (method: string, path: string, body?: string) => number;
  /** Fulfilled when the answer on the connection has this text in it. */
  readonly answered: (connection: number, text: string) => Promise<void>;
  /** The program ends. */
  readonly exit: (exit?: Partial<ProgramExit>) => void;
  /** The container ends, and the relay with it. */
  readonly end: (status: { readonly exitCode: number; readonly outOfMemory: boolean }) => void;
}

export function createFakeContainer(): FakeContainer {
  const peer = createRelayPeer({ autoCredit: true });
  const stderr = new PassThrough();
  let connection = 0;
  let expected = 0;
  let running = false;
  let resolveEnd: (status: { exitCode: number; outOfMemory: boolean }) => void = () => undefined;
  const ended = new Promise<{ exitCode: number; outOfMemory: boolean }>((resolve) => {
    resolveEnd = resolve;
  });
  const starts = (): number => peer.received.filter(({ type }) => type === 'start').length;
  const end = (status: { readonly exitCode: number; readonly outOfMemory: boolean }): void => {
    peer.stdout.end();
    stderr.end();
    resolveEnd(status);
  };
  const exit = (how: Partial<ProgramExit> = {}): void => {
    running = false;
    peer.send({ type: 'exited', exit: { how: 'status', value: 0, outOfMemory: false, ...how } });
  };
  // As the relay does when its input ends.
  peer.stdin.on('end', () => {
    end({ exitCode: 137, outOfMemory: false });
  });
  peer.stdin.on('data', () => {
    if (peer.received.at(-1)?.type === 'start') running = true;
    if (peer.received.at(-1)?.type === 'kill' && running) exit({ how: 'signal', value: 9 });
  });
  return {
    peer,
    container: {
      id: 'fake',
      putArchive: () => Promise.resolve(),
      getArchive: () => Promise.reject(new Error('not needed')),
      attach: () => Promise.resolve({ stdin: peer.stdin, stdout: peer.stdout, stderr }),
      start: () => Promise.resolve(),
      wait: () => ended,
      kill: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    starts,
    started: async () => {
      expected += 1;
      const count = expected;
      await peer.until(() => starts() >= count);
    },
    print: (text) => {
      peer.send({ type: 'log', payload: Buffer.from(text) });
    },
    ask: (method, path, body = '') => {
      connection += 1;
      const head = `${method} /2018-06-01/runtime/${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
      peer.send(
        { type: 'open', connection },
        { type: 'data', connection, payload: Buffer.from(head + body) },
      );
      return connection;
    },
    answered: (number, text) => peer.until(() => peer.dataOf(number).includes(text)),
    exit,
    end,
  };
}

import type { Duplex, Readable, Writable } from 'node:stream';
import { EngineError } from '../core/errors.js';
import {
  createFrameReader,
  encodeFrame,
  RELAY_MAX_CONNECTIONS,
  type Frame,
  type ProgramExit,
} from './relay-frames.js';
import { RelayedConnection } from './relayed-connection.js';

export interface RelayMultiplexerOptions {
  /** The container's standard output: frames from the relay, and nothing else. */
  readonly stdout: Readable;
  /** The container's standard input. Ending it makes the relay kill its program. */
  readonly stdin: Writable;
  /** Receives each connection that is opened inside the container. */
  readonly onConnection: (connection: Duplex) => void;
  /** Receives what the program writes to stdout and stderr, in order with its connections. */
  readonly onLog: (bytes: Buffer) => void;
  /** Called when the program has exited, its children are killed, and everything that it sent was received. */
  readonly onExit: (exit: ProgramExit) => void;
}

export interface RelayMultiplexer {
  /**
   * Settles when the relay's output ends: fulfilled after a whole frame, rejected with `EngineError` for
   * bytes that are not frames, and with the stream's own error when that breaks. No connection outlives it.
   */
  readonly closed: Promise<void>;
  /** Starts the program, which must not be running: `onExit` comes before the next start. */
  start(): void;
  /** Kills the program and all that it started, and drops its connections; `onExit` follows if it was running. */
  kill(): void;
  /** The most memory, in bytes, that the container used until the program exited; undefined when unknown. */
  readonly peakMemory: number | undefined;
  /** Ends the relay's input and drops every connection. */
  close(): void;
}

/**
 * The outer side of `native/relay/relay.c`: takes the frames apart and makes each connection a Duplex.
 * stdout is always read, so frames of one connection never wait for another; what an unread connection
 * may hold is bounded by its window, and so is what waits in stdin.
 */
export function multiplexRelay(options: RelayMultiplexerOptions): RelayMultiplexer {
  const { stdout, stdin } = options;
  const reader = createFrameReader();
  const connections = new Map<number, RelayedConnection>();
  let lastConnection = 0;
  let over = false;
  let running = false;
  let peakMemory: number | undefined;

  const send = (frame: Frame): void => {
    if (!over && stdin.writable) stdin.write(encodeFrame(frame));
  };

  const open = (id: number): void => {
    if (id <= lastConnection) throw new EngineError(`the relay opened connection ${id} twice`);
    if (connections.size >= RELAY_MAX_CONNECTIONS) {
      throw new EngineError(`the relay opened more than ${RELAY_MAX_CONNECTIONS} connections`);
    }
    lastConnection = id;
    const connection = new RelayedConnection(id, send);
    connections.set(id, connection);
    connection.once('close', () => connections.delete(id));
    options.onConnection(connection);
  };

  /** Frames that are about the program, and not about one of its connections. */
  const handleProgramFrame = (frame: Exclude<Frame, { readonly connection: number }>): void => {
    switch (frame.type) {
      case 'log':
        options.onLog(frame.payload);
        break;
      case 'memory':
        peakMemory = frame.bytes;
        break;
      case 'exited':
        if (!running) throw new EngineError('the relay reported the exit of a program that was not started');
        running = false;
        options.onExit(frame.exit);
        break;
      case 'start':
      case 'kill':
        throw new EngineError(`the relay sent "${frame.type}", which only the host may send`);
    }
  };

  const handleFrame = (frame: Frame): void => {
    if (!('connection' in frame)) {
      handleProgramFrame(frame);
      return;
    }
    if (frame.type === 'open') {
      open(frame.connection);
      return;
    }
    if (frame.connection === 0 || frame.connection > lastConnection) {
      throw new EngineError(
        `the relay sent "${frame.type}" for connection ${frame.connection}, which it never opened`,
      );
    }
    // One that is closed here may still have frames under way.
    const connection = connections.get(frame.connection);
    if (connection === undefined || connection.destroyed) return;
    switch (frame.type) {
      case 'data':
        connection.receive(frame.payload);
        break;
      case 'end':
        connection.receiveEnd();
        break;
      case 'reset':
        connection.receiveReset();
        break;
      case 'credit':
        connection.receiveCredit(frame.bytes);
        break;
    }
  };

  let settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void };
  const closed = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Awaiting it is optional.
  closed.catch(() => undefined);

  const finish = (error?: unknown): void => {
    if (over) return;
    over = true;
    stdin.end();
    const reason = error instanceof Error ? error : new Error('the relay has stopped');
    for (const connection of connections.values()) connection.abandon(reason);
    if (error === undefined) settle.resolve();
    else settle.reject(error);
  };

  stdin.on('error', finish);
  stdout.on('error', finish);
  stdout.on('data', (chunk: Buffer) => {
    if (over) return;
    try {
      for (const frame of reader.read(chunk)) handleFrame(frame);
    } catch (error) {
      finish(error);
    }
  });
  stdout.on('end', () => {
    finish(reader.midFrame ? new EngineError('the relay stopped in the middle of a frame') : undefined);
  });
  stdout.on('close', () => {
    finish(new EngineError('the connection to the relay was closed before its end'));
  });

  return {
    closed,
    start: () => {
      running = true;
      send({ type: 'start' });
    },
    kill: () => {
      for (const connection of [...connections.values()]) connection.destroy();
      if (running) send({ type: 'kill' });
    },
    get peakMemory() {
      return peakMemory;
    },
    close: () => {
      finish();
    },
  };
}

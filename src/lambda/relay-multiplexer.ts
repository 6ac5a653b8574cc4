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

/** The streams of the relay, and who receives what comes through it. */
export interface RelayMultiplexerOptions {
  /** The container's standard output: frames from the relay, and nothing else. */
  readonly stdout: Readable;
  /** The container's standard input. Ending it makes the relay kill its program. */
  readonly stdin: Writable;
  /** Receives each connection that is opened inside the container. */
  readonly onConnection: (connection: Duplex) => void;
  /** Receives what the program writes to stdout and stderr, in order with its connections. */
  readonly onLog: (bytes: Buffer) => void;
  /** Called when the program has exited, its children are killed, and all of its data has been received. */
  readonly onExit: (exit: ProgramExit) => void;
}

/** Controls the relay and its program. */
export interface RelayMultiplexer {
  /**
   * Settles when the relay's output ends, and all connections with it. Resolves after a complete frame. Rejects with
   * `EngineError` for invalid frames, and with the stream's own error if the stream fails.
   */
  readonly closed: Promise<void>;
  /** Starts the program, which must not be running: `onExit` must have been called since the last start. */
  start(): void;
  /** Kills the program and its children, and drops its connections. `onExit` is called later if it was running. */
  kill(): void;
  /** The peak memory of the container until the program exited, in bytes; undefined if unknown. */
  readonly peakMemory: number | undefined;
  /** Ends the relay's input and drops every connection. */
  close(): void;
}

/**
 * The host's side of `native/relay/relay.c`: parses frames and provides each connection as a Duplex. stdout is always read,
 * so connections never block each other. The window of each connection limits the data that is buffered for it, in both
 * directions.
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

  /** Handles frames about the program, as opposed to its connections. */
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
    // Frames may still arrive for a connection that is closed on this side.
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

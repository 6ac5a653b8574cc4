import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';

/** A running server. Disposing of it closes it and its connections. */
export interface LoopbackServer extends AsyncDisposable {
  /** `http://127.0.0.1:9000` */
  readonly url: string;
}

const HOST = '127.0.0.1';
/** The Host header of a program on this machine. Any port is accepted, because the server's port may be forwarded. */
const LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** Where to listen: the port, 0 for any free one, and the flag that chose it. */
export interface LoopbackPort {
  readonly port: number;
  readonly flag: string;
}

/** Starts an HTTP server on 127.0.0.1. Throws UsageError if the port is not available. */
export async function openLoopbackServer(
  asked: LoopbackPort,
  listener: RequestListener,
): Promise<LoopbackServer> {
  const server = createServer(listener);
  try {
    server.listen(asked.port, HOST);
    await once(server, 'listening');
  } catch (cause) {
    throw portRefused(asked, cause);
  }
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : asked.port;
  return {
    url: `http://${HOST}:${port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Reports whether a Host header names this machine. Another one can come from a web page (DNS rebinding). */
export function isLocalHost(host: string): boolean {
  return LOCAL_HOST.test(host);
}

/** Resolves when more can be written, or when the client has disconnected. */
export function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function portRefused({ port, flag }: LoopbackPort, cause: unknown): UsageError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'it is in use',
    EACCES: 'permission denied',
  };
  const code = errorCodeOf(cause) ?? String(cause);
  return new UsageError(`cannot listen at ${HOST}:${port}: ${reasons[code] ?? code}`, {
    hint: `Choose another port with ${flag}; ${flag} 0 selects a free one.`,
    cause,
  });
}

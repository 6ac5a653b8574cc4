import { connect, createServer, type Server, type Socket } from 'node:net';

import { realEngine } from './real-engine.js';

/** Stands between a command and the engine, and can break all connections at once, as a lost engine does. */
export interface EngineProxy extends AsyncDisposable {
  /** For `DOCKER_HOST`. */
  readonly dockerHost: string;
  /** Breaks every connection, and takes no new ones. */
  cut(): Promise<void>;
  /** Takes connections again. */
  mend(): Promise<void>;
}

/** Opens a proxy with a socket at the path. */
export async function openEngineProxy(socketPath: string): Promise<EngineProxy> {
  const { endpoint } = await realEngine();
  const connections = new Set<Socket>();
  const toEngine = (): Socket => {
    const url = new URL(endpoint);
    if (url.protocol === 'unix:') return connect({ path: url.pathname, allowHalfOpen: true });
    return connect({ host: url.hostname, port: Number(url.port), allowHalfOpen: true });
  };
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = toEngine();
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      connections.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        connections.delete(from);
        to.destroy();
      });
    }
  });
  const mend = async (): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(socketPath, resolve);
    });
  };
  const cut = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) =>
      server.close(() => {
        resolve();
      }),
    );
    for (const connection of connections) connection.destroy();
    await closed;
  };
  await mend();
  return { dockerHost: `unix://${socketPath}`, cut, mend, [Symbol.asyncDispose]: cut };
}

import type { AddressInfo, Server, Socket } from 'node:net';

/** A server on a free port of 127.0.0.1. Leaving its scope breaks its connections and closes it. */
export interface Loopback extends AsyncDisposable {
  /** `127.0.0.1:43211` */
  readonly host: string;
}

export async function onLoopback(server: Server): Promise<Loopback> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => connections.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of connections) socket.destroy();
      }),
  };
}

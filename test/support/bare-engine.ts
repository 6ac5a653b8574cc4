import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { json } from 'node:stream/consumers';

import { realEngine } from './real-engine.js';

/** Stands before the engine as one that has no image with compilers, and that can neither get nor make an image. */
export interface BareEngine extends AsyncDisposable {
  /** For `DOCKER_HOST`. */
  readonly dockerHost: string;
  /** The requests for making an image, which were refused. */
  readonly refused: readonly string[];
  /** The requests for creating a container. */
  readonly created: readonly string[];
}

const MAKES_IMAGE = /\/(images\/create|images\/load|build)(\?|$)/;

/** Opens it with a socket at the path. */
export async function openBareEngine(socketPath: string): Promise<BareEngine> {
  const { endpoint } = await realEngine();
  const url = new URL(endpoint);
  const isUnix = url.protocol === 'unix:';
  const target = isUnix ? { socketPath: url.pathname } : { host: url.hostname, port: Number(url.port) };
  const refused: string[] = [];
  const created: string[] = [];
  const sockets = new Set<Socket>();

  const forward = (from: IncomingMessage, to: ServerResponse): void => {
    const { url: path = '', method, headers } = from;
    if (/\/containers\/create(\?|$)/.test(path)) created.push(path);
    if (MAKES_IMAGE.test(path)) {
      refused.push(path);
      from.resume();
      to.writeHead(500, { 'Content-Type': 'application/json' }).end('{"message":"no image is made here"}');
      return;
    }
    const passed = request({ ...target, path, method, headers }, (answer) => {
      void pass(path, { answer, to });
    });
    passed.on('error', () => to.destroy());
    from.pipe(passed);
  };

  const server = createServer(forward);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => undefined));
  });
  // A connection that becomes a container's input and output: its bytes pass as they are.
  server.on('upgrade', (from: IncomingMessage, client: Duplex, head: Buffer) => {
    const engine = isUnix
      ? connect({ path: url.pathname, allowHalfOpen: true })
      : connect({ host: url.hostname, port: Number(url.port), allowHalfOpen: true });
    const lines = [`${from.method ?? ''} ${from.url ?? ''} HTTP/1.1`];
    for (let at = 0; at < from.rawHeaders.length; at += 2)
      lines.push(`${from.rawHeaders[at] ?? ''}: ${from.rawHeaders[at + 1] ?? ''}`);
    engine.write(`${lines.join('\r\n')}\r\n\r\n`);
    engine.write(head);
    engine.pipe(client);
    client.pipe(engine);
    engine.on('error', () => client.destroy());
    client.on('error', () => engine.destroy());
    client.on('close', () => engine.destroy());
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    dockerHost: `unix://${socketPath}`,
    refused,
    created,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function pass(
  path: string,
  { answer, to }: { readonly answer: IncomingMessage; readonly to: ServerResponse },
): Promise<void> {
  if (!/\/images\/json(\?|$)/.test(path)) {
    to.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(to);
    return;
  }
  const images = (await json(answer)) as { readonly Labels?: Record<string, string> | null }[];
  const shown = images.filter(
    ({ Labels: labels }) => !labels?.['io.layersmith.image']?.endsWith('-toolchain'),
  );
  to.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(shown));
}

import { once } from 'node:events';
import http from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** An HTTP proxy on loopback. Leaving its scope stops it. */
export interface TestProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** What it was asked for, `CONNECT localhost:443` or `GET http://…`, with the credentials that came along. */
  readonly asked: readonly { readonly request: string; readonly credentials: string | undefined }[];
}

/**
 * Starts a proxy that passes on what it is asked for, by CONNECT and for plain http, or answers every request with
 * `refusal`, or breaks every connection when that is `hang-up`, or never answers when it is `silence`.
 */
export async function startProxy(refusal?: number | 'hang-up' | 'silence'): Promise<TestProxy> {
  const asked: { request: string; credentials: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const note = (request: http.IncomingMessage): void => {
    const header = request.headers['proxy-authorization']?.replace(/^Basic /, '');
    asked.push({
      request: `${request.method ?? ''} ${request.url ?? ''}`,
      credentials: header === undefined ? undefined : Buffer.from(header, 'base64').toString(),
    });
  };
  const server = http.createServer((request, response) => {
    note(request);
    if (refusal === 'hang-up') request.destroy();
    else if (typeof refusal === 'number') response.writeHead(refusal).end();
    else if (refusal === undefined) {
      const onward = http.request(request.url ?? '', { headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    }
  });
  server.on('connect', (request: http.IncomingMessage, socket: Socket) => {
    note(request);
    socket.on('error', () => undefined);
    if (refusal === 'hang-up') socket.destroy();
    else if (typeof refusal === 'number') socket.end(`HTTP/1.1 ${refusal} No\r\n\r\n`);
    else if (refusal === undefined) {
      const [host = '', port = ''] = (request.url ?? '').split(':');
      const onward = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      sockets.add(onward);
      onward.on('error', () => socket.destroy());
    }
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

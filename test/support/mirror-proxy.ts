import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostMirrors, namedMirror } from '../../src/source/debian/debian-mirror.js';

/** Debian's archive under another address, on loopback. Leaving its scope stops it. */
export interface MirrorProxy extends AsyncDisposable {
  /** For LAYERSMITH_DEBIAN_MIRROR. */
  readonly mirror: string;
  /** How many requests were passed on. */
  readonly requests: () => number;
}

/** Passes `/debian` and `/debian-security` on to the mirror that this machine's tests use. */
export async function mirrorProxy(): Promise<MirrorProxy> {
  const named = process.env['LAYERSMITH_DEBIAN_MIRROR'];
  const upstream = named === undefined ? (await hostMirrors('/etc/apt'))[0] : namedMirror(named);
  if (upstream === undefined) throw new Error('this host has no Debian mirror');
  const { archive, security = archive } = upstream;
  let requests = 0;
  const server = createServer((incoming, answer) => {
    requests += 1;
    const path = incoming.url ?? '/';
    const target = path.startsWith('/debian-security/')
      ? `${security}${path.slice('/debian-security'.length)}`
      : `${archive}${path.slice('/debian'.length)}`;
    const headers = { ...incoming.headers, host: new URL(target).host };
    const onward = request(target, { headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => {
      answer.writeHead(502).end();
    });
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    mirror: `http://127.0.0.1:${port}/debian`,
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

import { request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { startLoopbackServer } from './loopback-server.js';

/** A call, as the server sees it. */
export interface AwsRequest {
  readonly method: string;
  readonly path: string;
  /** Out of the signature: `eu-west-1`, `lambda`. */
  readonly region: string;
  readonly service: string;
  /** How many calls of this method and path this region has seen, this one among them. */
  readonly count: number;
  readonly headers: IncomingHttpHeaders;
  /** As text: of most calls JSON. */
  readonly body: string;
}

/**
 * An answer in place of AWS's; `cut` closes the connection, `cutAfter` when AWS has done what was asked, `cutBody` in the middle of the
 * answer. `silence` never answers, `stall` stops in the middle of the answer.
 */
export type Fault =
  | 'cut'
  | 'cutAfter'
  | 'cutBody'
  | 'silence'
  | 'stall'
  | { readonly status: number; readonly type: string; readonly message: string }
  | { readonly addHeaders: Readonly<Record<string, string>> };

export interface FaultServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly AwsRequest[];
}

/** A server in front of AWS's stand-in: it passes everything on, but for what `faultOf` says. */
export async function startFaultServer(
  target: string,
  faultOf: (request: AwsRequest) => Fault | undefined | Promise<Fault | undefined>,
): Promise<FaultServer> {
  const seen: AwsRequest[] = [];
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, region = '', service = ''] =
      /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(incoming.headers.authorization ?? '') ?? [];
    const [path = ''] = (incoming.url ?? '').split('?');
    const method = incoming.method ?? '';
    const body = await buffer(incoming);
    const same = seen.filter((one) => one.method === method && one.path === path && one.region === region);
    const asked = {
      method,
      path,
      region,
      service,
      count: same.length + 1,
      headers: incoming.headers,
      body: body.toString(),
    };
    seen.push(asked);
    answer({ incoming, response, body, target, service, fault: await faultOf(asked) });
  };
  const server = await startLoopbackServer((incoming, response) => {
    handle(incoming, response).catch(() => incoming.socket.destroy());
  });
  return {
    url: server.url,
    seen,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function answer({
  incoming,
  response,
  body,
  target,
  service,
  fault,
}: {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly target: string;
  readonly service: string;
  readonly fault: Fault | undefined;
}): void {
  if (fault === 'cut') {
    incoming.socket.destroy();
    return;
  }
  if (fault === 'silence') return;
  if (typeof fault === 'object' && 'status' in fault) {
    const { status, type, message } = fault;
    if (service === 's3') {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<Error><Code>${type}</Code><Message>${message}</Message></Error>`);
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type });
    response.end(JSON.stringify({ Type: 'User', message }));
    return;
  }
  const { method, url } = incoming;
  // Answered by this server already.
  const { expect: _expect, ...headers } = incoming.headers;
  const passed = request(new URL(url ?? '/', target), { method, headers, agent: false }, (answered) => {
    if (fault === 'cutAfter') {
      answered.resume();
      answered.on('end', () => incoming.socket.destroy());
      return;
    }
    const added = typeof fault === 'object' ? fault.addHeaders : {};
    response.writeHead(answered.statusCode ?? 502, { ...answered.headers, ...added });
    if (fault === 'cutBody' || fault === 'stall') {
      void buffer(answered).then((bytes) => {
        response.write(bytes.subarray(0, bytes.length / 2), () => {
          if (fault === 'cutBody') incoming.socket.destroy();
        });
      });
      return;
    }
    answered.pipe(response);
  });
  passed.on('error', () => incoming.socket.destroy());
  passed.end(body);
}

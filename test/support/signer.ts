import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { startLoopbackServer } from './loopback-server.js';

/** What AWS Signer does for Lambda, which moto lacks: jobs. Everything else goes to moto. Leaving its scope ends it. */
export interface SignerServer extends AsyncDisposable {
  readonly url: string;
  /** The bodies of the jobs that were started. */
  readonly started: readonly unknown[];
}

/**
 * Starts the server. `jobs` are the answers to questions for a job, in order; the last one is repeated. `layers` are answers to
 * questions for layer versions by their paths.
 */
export async function startSigner(
  target: string,
  {
    jobs,
    layers = {},
  }: { readonly jobs: readonly object[]; readonly layers?: Readonly<Record<string, object>> },
): Promise<SignerServer> {
  const started: unknown[] = [];
  let asked = 0;
  const server = await startLoopbackServer((incoming, response) => {
    const { method, url = '/', headers } = incoming;
    const say = (body: object): void => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const layer = layers[url];
    if (method === 'POST' && url === '/signing-jobs') {
      void text(incoming).then((body) => {
        started.push(JSON.parse(body));
        say({ jobId: 'job-1', jobOwner: '123456789012' });
      });
    } else if (method === 'GET' && url === '/signing-jobs/job-1') {
      say(jobs[Math.min(asked++, jobs.length - 1)] ?? {});
    } else if (method === 'GET' && layer !== undefined) {
      say(layer);
    } else {
      const passed = request(new URL(url, target), { method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      passed.on('error', () => incoming.socket.destroy());
      incoming.pipe(passed);
    }
  });
  return {
    url: server.url,
    started,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

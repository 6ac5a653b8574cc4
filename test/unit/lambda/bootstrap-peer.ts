import { request, type IncomingHttpHeaders } from 'node:http';
import { Duplex } from 'node:stream';
import type { InvocationRequest, ResponseSink } from '../../../src/lambda/invocation.js';
import { createRuntimeApi, type InitError, type RuntimeApi } from '../../../src/lambda/runtime-api.js';
import type { RuntimeAnswer } from '../../../src/lambda/runtime-answer.js';

/** Two ends of a connection in memory, each half-open as long as the other half is. */
export function createPair(): readonly [Duplex, Duplex] {
  const ends: Duplex[] = [];
  for (const other of [1, 0]) {
    ends.push(
      new Duplex({
        read: () => undefined,
        write: (chunk: Buffer, _encoding, done) => {
          ends[other]?.push(chunk);
          setImmediate(done);
        },
        final: (done) => {
          ends[other]?.push(null);
          done();
        },
        destroy: (error, done) => {
          ends[other]?.push(null);
          done(error);
        },
      }),
    );
  }
  const [one, two] = ends;
  if (one === undefined || two === undefined) throw new Error('unreachable');
  for (const end of [one, two]) end.on('error', () => undefined);
  return [one, two];
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface AskOptions {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly trailers?: Readonly<Record<string, string>>;
  /** The path from the root; else it is below `/2018-06-01/runtime/`. */
  readonly fromRoot?: boolean;
}

/** One request of a bootstrap, on a connection of its own. */
export function ask(
  api: RuntimeApi,
  method: string,
  path: string,
  options: AskOptions = {},
): Promise<Answer> {
  const [ours, theirs] = createPair();
  api.connect(theirs);
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => ours,
      method,
      path: options.fromRoot === true ? path : `/2018-06-01/runtime/${path}`,
      headers: options.headers,
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    if (options.trailers !== undefined) asked.addTrailers(options.trailers);
    asked.end(options.body);
  });
}

/** A connection on which a test writes what it likes, and what came back on it. */
export interface RawConnection {
  readonly end: Duplex;
  readonly received: () => string;
}

export function connectRaw(api: RuntimeApi): RawConnection {
  const [ours, theirs] = createPair();
  const chunks: Buffer[] = [];
  ours.on('data', (chunk: Buffer) => chunks.push(chunk));
  api.connect(theirs);
  return { end: ours, received: () => Buffer.concat(chunks).toString('latin1') };
}

export const ID = '8476a536-e9f4-11e8-9739-000000000001';
export const NOW = 1_700_000_000_000;
export const ARN = 'arn:aws:lambda:eu-west-1:000000000000:function:test';

/** A Runtime API, and what it called back. */
export interface TestedApi {
  readonly api: RuntimeApi;
  readonly answers: readonly RuntimeAnswer[];
  readonly initErrors: readonly InitError[];
  readonly readyTimes: () => number;
  /** Hands out an event with the given id. */
  readonly invoke: (
    event: string,
    options?: Partial<InvocationRequest> & {
      readonly requestId?: string;
      readonly sink?: ResponseSink;
    },
  ) => void;
}

export function createTestedApi(): TestedApi {
  const answers: RuntimeAnswer[] = [];
  const initErrors: InitError[] = [];
  let asked = 0;
  const api = createRuntimeApi({
    onReady: () => {
      asked += 1;
    },
    onAnswer: (answer) => answers.push(answer),
    onInitError: (failure) => initErrors.push(failure),
  });
  return {
    api,
    answers,
    initErrors,
    readyTimes: () => asked,
    invoke: (event, { requestId = ID, sink, ...request } = {}) => {
      api.invoke(
        {
          ...request,
          event: Buffer.from(event),
          requestId,
          functionArn: ARN,
          startedAt: NOW,
          deadline: NOW + 3000,
        },
        sink,
      );
    },
  };
}

/** Fulfilled when the condition holds; a test that waits in vain fails by its time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

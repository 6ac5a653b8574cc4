import { Socket } from 'node:net';
import { Agent, IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { Duplex, PassThrough, finished, pipeline, type Readable } from 'node:stream';

import type { z } from 'zod';

import { EngineError, EngineUnavailableError } from '../core/errors.js';
import type { EngineAddress } from './engine-address.js';
import { SshAgent } from './ssh-agent.js';
import { abortReason, errorFromStatus, translateError, type CallContext } from './translate-error.js';

/** One request to the Engine API. */
export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Without a version, so that each engine uses its newest one. */
  readonly path: string;
  /** A list is sent as a repeated parameter. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly json?: Readonly<Record<string, unknown>>;
  /** A tar. It is destroyed if the call fails before all of it is sent. */
  readonly body?: Readable;
  readonly signal?: AbortSignal | undefined;
  /** The purpose of the call, which completes "cannot …". */
  readonly doing: string;
}

/** The only method of docker-modem that is used here. Its types are not among our dependencies. */
interface Modem {
  dial(
    options: {
      readonly method: string;
      readonly path: string;
      readonly options: { readonly _query: object; readonly _body: object };
      readonly file: Readable | Buffer | undefined;
      readonly headers?: Readonly<Record<string, string>>;
      readonly isStream: true;
      readonly hijack: boolean;
      readonly statusCodes: Readonly<Record<number, true>>;
      readonly abortSignal: AbortSignal | undefined;
    },
    callback: (error: Error | null, result: unknown) => void,
  ): void;
}

/** The idle time after which TCP keep-alive checks that the remote machine still answers. */
const KEEP_ALIVE_MS = 15_000;
/** Answers that are not JSON streams are small: a larger one is an error. */
const ANSWER_LIMIT = 16 * 1024 * 1024;

// docker-modem turns unexpected statuses into errors without the body. So all are expected, and checked here.
const EVERY_STATUS = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [index + 100, true as const]),
);

/**
 * HTTP to one engine, over dockerode's transport. Only `dial` is used: some of dockerode's own methods ignore abort
 * signals, they never settle if an answer is cut off, and `attach` sends a JSON body that can end up in the container's
 * stdin.
 */
export class EngineConnection {
  readonly endpoint: string;
  readonly #modem: Modem;

  private constructor(endpoint: string, modem: Modem) {
    this.endpoint = endpoint;
    this.#modem = modem;
  }

  /** Loads the transport. Does not connect yet. */
  static async open(address: EngineAddress): Promise<EngineConnection> {
    // Loaded only when needed: dockerode and its dependencies take long to load.
    const { default: Dockerode } = await import('dockerode');
    const dockerode = new Dockerode(transportOptions(address));
    return new EngineConnection(address.endpoint, dockerode.modem as Modem);
  }

  /**
   * Returns the body of a successful answer. It fails with Node's own errors: pass those to `translate`. The signal also
   * destroys it later, while it is being read.
   */
  async stream(call: EngineCall): Promise<Readable> {
    const answer = await this.#answered(call);
    await this.#refuse(call, answer);
    return answer;
  }

  /** Returns an answer of any status, for calls that handle some error statuses themselves. */
  async answer(call: EngineCall): Promise<{ readonly statusCode: number; readonly body: string }> {
    const answer = await this.#answered(call);
    return { statusCode: answer.statusCode ?? 0, body: await this.#read(call, answer) };
  }

  /** Returns the text of a successful answer. */
  async text(call: EngineCall): Promise<string> {
    const answer = await this.stream(call);
    return this.#read(call, answer);
  }

  /** Returns a successful answer, parsed with the schema. */
  async json<T>(call: EngineCall, schema: z.ZodType<T>): Promise<T> {
    const text = await this.text(call);
    return parseAnswer(text, schema, call.doing);
  }

  /** Returns the connection after the engine has switched it from HTTP to raw bytes. The signal does not close it. */
  async upgrade(call: EngineCall): Promise<Duplex> {
    const answer = await this.#send(call, true);
    if (answer instanceof IncomingMessage) {
      await this.#refuse(call, answer);
      answer.destroy();
      throw new EngineError(`cannot ${call.doing}: the engine did not upgrade the connection`, {
        hint: 'If there is a proxy in front of the engine, let it pass `Upgrade: tcp`.',
      });
    }
    return answer;
  }

  /** Returns the error to throw for a failure during a call. */
  translate(error: unknown, call: Pick<CallContext, 'doing' | 'signal'>): Error {
    return translateError(error, { endpoint: this.endpoint, doing: call.doing, signal: call.signal });
  }

  /** Returns the error for an answer whose status is not a success. */
  refusal(answer: { readonly statusCode: number; readonly body: string }, call: EngineCall): EngineError {
    return errorFromStatus(answer, { endpoint: this.endpoint, doing: call.doing });
  }

  async #refuse(call: EngineCall, answer: IncomingMessage): Promise<void> {
    const statusCode = answer.statusCode ?? 0;
    if (statusCode >= 200 && statusCode <= 299) return;
    throw this.refusal({ statusCode, body: await this.#read(call, answer) }, call);
  }

  async #answered(call: EngineCall): Promise<IncomingMessage> {
    const answer = await this.#send(call, false);
    if (answer instanceof IncomingMessage) return answer;
    answer.destroy();
    throw this.#surprise(call);
  }

  async #read(call: EngineCall, answer: Readable): Promise<string> {
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > ANSWER_LIMIT)
          throw new EngineError(`cannot ${call.doing}: the engine's answer is too long`);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString('utf8');
    } catch (error) {
      throw this.translate(error, call);
    }
  }

  #send(call: EngineCall, hijack: boolean): Promise<IncomingMessage | Duplex> {
    const { signal, body } = call;
    if (signal?.aborted === true) {
      body?.destroy();
      return Promise.reject(abortReason(signal));
    }
    // A stream between the body and the request, so that closing the body ends the request.
    const upload = body === undefined ? undefined : new PassThrough();
    let bodyError: Error | undefined;
    if (body !== undefined && upload !== undefined) {
      pipeline(body, upload, (error) => {
        bodyError = error ?? undefined;
      });
    }
    return new Promise((resolve, reject) => {
      this.#modem.dial(
        {
          method: call.method,
          // docker-modem requires the question mark, and cuts off the last character if no query follows.
          path: `${call.path}?`,
          options: { _query: { ...call.query }, _body: { ...call.json } },
          // An empty buffer results in `Content-Length: 0`. Without it a hijacked request would be chunked, and its
          // last chunk could end up in the container's stdin.
          file: hijack ? Buffer.alloc(0) : upload,
          ...(hijack
            ? { headers: { 'Content-Type': 'text/plain' } }
            : // docker-modem adds its own to the object.
              call.headers !== undefined && { headers: { ...call.headers } }),
          isStream: true,
          hijack,
          statusCodes: EVERY_STATUS,
          abortSignal: signal,
        },
        (error, result) => {
          if (error !== null) {
            const mine = bodyError;
            upload?.destroy();
            reject(mine === undefined || signal?.aborted === true ? this.translate(error, call) : mine);
          } else if (result instanceof Duplex || result instanceof IncomingMessage) {
            // An answer may begin while the body is still being sent; after its end, nothing reads the rest.
            if (upload !== undefined) finished(result, () => upload.destroy());
            // A remote machine that disappears does not close the connection, and `wait` has no time limit.
            const socket = result instanceof IncomingMessage ? result.socket : result;
            if (socket instanceof Socket) socket.setKeepAlive(true, KEEP_ALIVE_MS);
            resolve(result);
          } else {
            reject(this.#surprise(call));
          }
        },
      );
    });
  }

  #surprise(call: EngineCall): EngineError {
    return new EngineError(`cannot ${call.doing}: the engine's answer is neither HTTP nor a connection`);
  }
}

/** Parses an engine's JSON with a schema. Throws EngineError if the answer does not conform to the API. */
export function parseAnswer<T>(text: string, schema: z.ZodType<T>, doing: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new EngineError(`cannot ${doing}: the engine's answer is not JSON: ${text.slice(0, 200)}`, {
      cause,
    });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new EngineError(`cannot ${doing}: the engine's answer does not conform to its API`, {
    details: { problems },
    cause: parsed.error,
  });
}

/** Sets every field, some to undefined: docker-modem fills absent ones from process.env. */
function transportOptions(address: EngineAddress): object {
  const nothing = {
    socketPath: undefined,
    host: undefined,
    port: undefined,
    protocol: 'http',
    pathPrefix: '/',
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
    // The engine could be closing a connection that is kept alive.
    agent: new Agent({ keepAlive: false }),
  };
  switch (address.kind) {
    case 'socket':
      return { ...nothing, socketPath: address.path };
    case 'tcp': {
      const place = { ...nothing, host: address.host, port: address.port };
      if (address.tls === undefined) return place;
      const { verify, ...material } = address.tls;
      const agent = new TlsAgent({ keepAlive: false, rejectUnauthorized: verify, ...material });
      return { ...place, protocol: 'https', agent };
    }
    case 'ssh':
      return { ...nothing, host: 'docker', port: 80, agent: new SshAgent(address) };
  }
}

/** Returns the error for an engine that did not answer within a time limit of this folder, not the caller's. */
export function noAnswer(endpoint: string, seconds: number): EngineUnavailableError {
  return new EngineUnavailableError(
    `the container engine at ${endpoint} did not answer within ${seconds} s`,
    {
      hint: 'Check whether the engine hangs, and restart it.',
    },
  );
}

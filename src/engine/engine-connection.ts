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
  /** Without a version: every engine then speaks the newest it knows. */
  readonly path: string;
  /** A list becomes a repeated parameter. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly json?: Readonly<Record<string, unknown>>;
  /** A tar; it is destroyed if the call fails before reading all of it. */
  readonly body?: Readable;
  readonly signal?: AbortSignal | undefined;
  /** What the call is for, completing "cannot …". */
  readonly doing: string;
}

/** The one method of docker-modem that is used here; its types are not a dependency of ours. */
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

/** How long a silent connection may be before the other machine is asked whether it lives. */
const KEEP_ALIVE_MS = 15_000;
/** Answers that are not JSON streams are small; this much is a mistake. */
const ANSWER_LIMIT = 16 * 1024 * 1024;

// docker-modem turns other statuses into errors that lose the body: take them all, judge them here.
const EVERY_STATUS = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [index + 100, true as const]),
);

/**
 * HTTP to one engine, over dockerode's transport. Only `dial` of it is used: its methods ignore abort signals
 * here and there, never settle when an answer is cut, and `attach` sends a JSON body that can end up in the
 * container's stdin.
 */
export class EngineConnection {
  readonly endpoint: string;
  readonly #modem: Modem;

  private constructor(endpoint: string, modem: Modem) {
    this.endpoint = endpoint;
    this.#modem = modem;
  }

  /** Loads the transport; talks to nobody yet. */
  static async open(address: EngineAddress): Promise<EngineConnection> {
    // dockerode and what it needs take longer to load than a command without an engine should run.
    const { default: Dockerode } = await import('dockerode');
    const dockerode = new Dockerode(transportOptions(address));
    return new EngineConnection(address.endpoint, dockerode.modem as Modem);
  }

  /**
   * The body of a successful answer. It fails with Node's own errors: give those to `translate`. The signal
   * destroys it also later, while it is being read.
   */
  async stream(call: EngineCall): Promise<Readable> {
    const answer = await this.#answered(call);
    await this.#refuse(call, answer);
    return answer;
  }

  /** An answer of any status, for calls that tell one refusal from another. */
  async answer(call: EngineCall): Promise<{ readonly statusCode: number; readonly body: string }> {
    const answer = await this.#answered(call);
    return { statusCode: answer.statusCode ?? 0, body: await this.#read(call, answer) };
  }

  /** The text of a successful answer. */
  async text(call: EngineCall): Promise<string> {
    const answer = await this.stream(call);
    return this.#read(call, answer);
  }

  /** A successful answer, parsed. */
  async json<T>(call: EngineCall, schema: z.ZodType<T>): Promise<T> {
    const text = await this.text(call);
    return parseAnswer(text, schema, call.doing);
  }

  /** The connection itself, once the engine has switched it from HTTP to raw bytes. Not governed by the signal. */
  async upgrade(call: EngineCall): Promise<Duplex> {
    const answer = await this.#send(call, true);
    if (answer instanceof IncomingMessage) {
      await this.#refuse(call, answer);
      answer.destroy();
      throw new EngineError(`cannot ${call.doing}: the engine does not hand over the connection`, {
        hint: 'If a proxy stands before the engine, let it pass `Upgrade: tcp`.',
      });
    }
    return answer;
  }

  /** The error to throw for what went wrong during a call. */
  translate(error: unknown, call: Pick<CallContext, 'doing' | 'signal'>): Error {
    return translateError(error, { endpoint: this.endpoint, doing: call.doing, signal: call.signal });
  }

  /** The error for an answer that is not a success. */
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
          throw new EngineError(`cannot ${call.doing}: the engine's answer does not end`);
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
    // Between the body and the request, so that a body that just closes ends the request as well.
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
          // docker-modem wants the question mark, and cuts off the last character where no query follows.
          path: `${call.path}?`,
          options: { _query: { ...call.query }, _body: { ...call.json } },
          // An empty buffer makes `Content-Length: 0`; without it a hijacked request would be chunked, and
          // its last chunk could end up in the container's stdin.
          file: hijack ? Buffer.alloc(0) : upload,
          ...(hijack ? { headers: { 'Content-Type': 'text/plain' } } : {}),
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
            // An answer may begin while the body still goes out; once it is over nobody reads the rest.
            if (upload !== undefined) finished(result, () => upload.destroy());
            // A remote engine whose machine vanishes says no goodbye, and `wait` waits without a limit.
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

/** Parses an engine's JSON with a schema; an EngineError says where it is not what the API promises. */
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
  throw new EngineError(`cannot ${doing}: the engine's answer is not what its API promises`, {
    details: { problems },
    cause: parsed.error,
  });
}

/** Every field is given, also as undefined: docker-modem fills gaps from process.env. */
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
    // A kept connection could be one that the engine closes just now.
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

/** Thrown where the engine answers nothing within a time that is ours, not the caller's. */
export function noAnswer(endpoint: string, seconds: number): EngineUnavailableError {
  return new EngineUnavailableError(`the container engine at ${endpoint} gave no answer in ${seconds} s`, {
    hint: 'See whether the engine hangs, and restart it.',
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import {
  Server as TlsServer,
  createServer as createTlsServer,
  type ServerOptions as TlsServerOptions,
} from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { socketAddress, type EngineAddress } from '../../src/engine/engine-address.js';

/** The connection breaks. */
export const CUT = Symbol('cut');
/** The server has said all. */
export const END = Symbol('end');

/**
 * One thing that the scripted engine does on a connection: write bytes as one packet; wait some milliseconds,
 * or for something; cut the connection; or end it as a server does that has said all.
 */
export type Step =
  | string
  | Buffer
  | { readonly pause: number }
  | { readonly until: Promise<unknown> }
  | typeof CUT
  | typeof END;

/** A request that arrived. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What came as its body; empty for requests whose body is not read. */
  readonly body: Buffer;
  /** For routes whose body the reply reads. */
  readonly message: IncomingMessage;
}

type Reply = (request: SeenRequest, connection: Duplex) => Promise<void>;

/**
 * Just enough of the Engine API, on a unix socket in a folder of its own, from a script: each route answers
 * with raw bytes, so that chunk borders, cut-offs and delays are the test's. Routes without a script answer
 * 404, `/_ping` says OK.
 */
export class ScriptedEngine implements AsyncDisposable {
  readonly directory: string;
  readonly requests: SeenRequest[] = [];
  readonly #server: Server | TlsServer;
  readonly #replies = new Map<string, Reply>();
  readonly #connections = new Set<Socket>();
  readonly #unread = new Set<string>();

  private constructor(directory: string, server: Server | TlsServer) {
    this.directory = directory;
    this.#server = server;
    this.#server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#connections.delete(socket));
    });
    const serve = (request: IncomingMessage, connection: Duplex): void => {
      this.#serve(request, connection).catch(() => connection.destroy());
    };
    this.#server.on('request', (request) => {
      serve(request, request.socket);
    });
    this.#server.on('upgrade', serve);
    this.on('GET /_ping', answer(200, 'OK'));
  }

  /** Starts one on a unix socket. */
  static async start(): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(await newDirectory(), createServer());
    await new Promise<void>((resolve) => engine.#server.listen(engine.socketPath, resolve));
    return engine;
  }

  /** Starts one on a TCP port of a loopback address, with TLS if given; `port` tells which. */
  static async startTcp(
    options: { readonly host?: string; readonly tls?: TlsServerOptions } = {},
  ): Promise<ScriptedEngine> {
    const server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
    const engine = new ScriptedEngine(await newDirectory(), server);
    await new Promise<void>((resolve) => engine.#server.listen(0, options.host ?? '127.0.0.1', resolve));
    return engine;
  }

  get socketPath(): string {
    return join(this.directory, 'engine.sock');
  }

  get address(): EngineAddress {
    return socketAddress(this.socketPath);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Sets what a route answers from now on: `POST /images/create`, without the query. */
  on(route: string, ...steps: readonly Step[]): this {
    this.#replies.set(route, (_request, connection) => play(connection.resume(), steps));
    return this;
  }

  /** Sets a route whose answer depends on the request, or that uses the connection in its own way. */
  onRequest(route: string, reply: Reply): this {
    this.#replies.set(route, reply);
    return this;
  }

  /** Leaves the bodies of a route's requests on the connection. */
  leaveBody(route: string): this {
    this.#unread.add(route);
    return this;
  }

  /** How many connections the other side has not closed. */
  get openConnections(): number {
    return [...this.#connections].filter((socket) => !socket.readableEnded).length;
  }

  /** Resolves when a request for the route has arrived. */
  async arrived(route: string): Promise<SeenRequest> {
    for (;;) {
      const request = this.requests.find(({ method, path }) => `${method} ${path}` === route);
      if (request !== undefined) return request;
      await sleep(5);
    }
  }

  /** As if it was killed: no connection is left, and nobody listens. */
  async kill(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #serve(message: IncomingMessage, connection: Duplex): Promise<void> {
    const url = new URL(message.url ?? '/', 'http://engine');
    const route = `${message.method ?? ''} ${url.pathname}`;
    const chunks: Buffer[] = [];
    if (!this.#unread.has(route)) {
      for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    }
    const request: SeenRequest = {
      method: message.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
      body: Buffer.concat(chunks),
      message,
    };
    this.requests.push(request);
    const reply = this.#replies.get(route);
    if (reply === undefined) await play(connection, [answer(404, '{"message":"page not found"}'), END]);
    else await reply(request, connection);
  }
}

/** A folder for a socket, whose path must be short. */
function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'scripted-engine-'));
}

/** Does the steps on a connection. Without `CUT` or `END` it stays open afterwards. */
export async function play(connection: Duplex, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step === CUT) {
      connection.destroy();
    } else if (step === END) {
      connection.end();
    } else if (typeof step === 'string' || Buffer.isBuffer(step)) {
      await new Promise((resolve) => connection.write(step, resolve));
      // So that the other side reads it as a packet of its own.
      await sleep(2);
    } else if ('pause' in step) {
      await sleep(step.pause);
    } else {
      await step.until;
    }
  }
}

/** A whole HTTP answer. */
export function answer(status: number, body: string, contentType = 'application/json'): string {
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status} Scripted\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}

/** The head of an answer whose body follows in chunks. */
export const CHUNKED_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';

/** One chunk of a chunked body. */
export function chunk(data: string | Buffer): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** What ends a chunked body; without it the answer is cut. */
export const LAST_CHUNK = '0\r\n\r\n';

/** A 200 whose body is sent in exactly these chunks, whole. */
export function chunked(...data: readonly (string | Buffer)[]): readonly Step[] {
  return [CHUNKED_HEAD, ...data.map(chunk), LAST_CHUNK, END];
}

/** What an engine says before a connection becomes raw bytes. */
export const UPGRADED =
  'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';

/** A frame of a container's output: 1 is stdout, 2 stderr. */
export function frame(kind: number, data: string | Buffer): Buffer {
  const bytes = Buffer.from(data);
  const header = Buffer.alloc(8);
  header.writeUInt8(kind, 0);
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

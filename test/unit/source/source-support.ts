import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/core/digest.js';
import type { PinnedFile, Source } from '../../../src/recipe/source.js';
import {
  createSourceFetcher,
  type SourceFetcher,
  type SourceFetcherOptions,
} from '../../../src/source/source-fetcher.js';

/** A server on loopback that counts what it is asked for. */
export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** The paths that were asked for, in their order. */
  readonly asked: readonly string[];
}

export async function startServer(answer: http.RequestListener): Promise<TestServer> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An origin on loopback where nobody listens. */
export async function deadOrigin(): Promise<string> {
  await using server = await startServer(() => undefined);
  return server.origin;
}

/** Folders of a store below one temporary folder, and a fetcher on them. */
export interface TestStore extends AsyncDisposable {
  readonly root: string;
  readonly sourcesDir: string;
  readonly tmpDir: string;
  readonly reports: readonly string[];
  fetcher(options?: Partial<SourceFetcherOptions>): SourceFetcher;
  /** The names in both folders: what a way out must not leave behind shows here. */
  names(): Promise<{ readonly sources: readonly string[]; readonly tmp: readonly string[] }>;
}

export async function makeStore(root?: string): Promise<TestStore> {
  const folder = root ?? (await mkdtemp(join(tmpdir(), 'layersmith-source-')));
  const sourcesDir = join(folder, 'sources');
  const tmpDir = join(folder, 'tmp');
  await mkdir(sourcesDir);
  await mkdir(tmpDir);
  const reports: string[] = [];
  return {
    root: folder,
    sourcesDir,
    tmpDir,
    reports,
    fetcher: (options = {}) =>
      createSourceFetcher({
        sourcesDir,
        tmpDir,
        offline: false,
        archives: [],
        report: (line) => reports.push(line),
        timeouts: { answerMs: 2000, stallMs: 2000 },
        ...options,
      }),
    names: async () => ({
      sources: (await readdir(sourcesDir)).sort(),
      tmp: (await readdir(tmpDir)).sort(),
    }),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A pinned file of these bytes. */
export function pinned(bytes: string | Uint8Array, ...urls: string[]): PinnedFile {
  return { name: 'thing-1.0.tar.gz', sha256: sha256(bytes), urls };
}

export function source(...alternatives: PinnedFile[]): Source {
  return { name: 'thing', alternatives };
}

/** A signal that nothing aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

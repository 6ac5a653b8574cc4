import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Io } from '../../src/cli/io.js';

/** What a command line printed, and the Io that it printed on. */
export interface FakeIo extends Io {
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** The root of this checkout. */
export const PACKAGE_ROOT = join(import.meta.dirname, '..', '..');

/**
 * An Io that collects what is printed, without a terminal, an engine (DOCKER_HOST names a socket that is not
 * there), a network (nobody listens at the proxy, and apt can use no mirror) or an environment; change what the test is about.
 */
export function fakeIo(folder: string, changes: Partial<Io> = {}): FakeIo {
  const printed = { out: '', err: '' };
  return {
    env: {
      DOCKER_HOST: `unix://${join(folder, 'no-engine.sock')}`,
      https_proxy: 'http://127.0.0.1:1',
      LAYERSMITH_DEBIAN_MIRROR: 'none',
    },
    homeDir: folder,
    cwd: folder,
    tmpDir: folder,
    isRoot: false,
    os: 'linux',
    out: (text) => {
      printed.out += text;
    },
    outBytes: (bytes) => {
      printed.out += Buffer.from(bytes).toString();
      return Promise.resolve();
    },
    outIsTerminal: false,
    stdin: () => Readable.from([]),
    err: (text) => {
      printed.err += text;
    },
    terminal: undefined,
    now: () => Date.UTC(2026, 5, 1),
    packageRoot: PACKAGE_ROOT,
    signal: new AbortController().signal,
    ...changes,
    stdout: () => printed.out,
    stderr: () => printed.err,
  };
}

import { homedir } from 'node:os';

import { openBuild } from '../../src/cli/build-session.js';
import { openLibrary } from '../../src/cli/session.js';
import type { Reporter } from '../../src/core/reporter.js';
import type { Sandbox } from '../../src/lambda/sandbox.js';
import { runContextOf, type BuildContext } from '../../src/pipeline/build/build-context.js';
import type { Architecture } from '../../src/platform/platform.js';
import { openLocalFunction } from '../../src/sandbox/local-function.js';
import { fakeIo } from './fake-io.js';
import { temporaryFolder } from './temporary-folder.js';

export interface TestFunctionOptions {
  readonly layers: readonly string[];
  /** The function's files, by their path below `/var/task`. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly handler: string;
  /** `x86_64` by default. */
  readonly arch?: Architecture;
  readonly env?: Readonly<Record<string, string>>;
  /** 512 by default. */
  readonly memoryMb?: number;
  /** 10 s by default. */
  readonly timeoutMs?: number;
  readonly onLog?: (line: string) => void;
}

/** A sandbox and the lines of its log so far. */
export interface TestFunction extends Sandbox {
  readonly log: string[];
}

/**
 * A function in a container of the real engine, on the embedded Debian toolchain and this user's store.
 * Leaving its scope removes it.
 */
export async function openTestFunction(options: TestFunctionOptions): Promise<TestFunction> {
  const { layers, files, handler, env = {}, memoryMb = 512, timeoutMs = 10_000 } = options;
  await using folder = await temporaryFolder();
  await folder.write(files);
  const log: string[] = [];
  const onLog = (line: string): void => {
    log.push(line);
    options.onLog?.(line);
  };
  const sandbox = await openLocalFunction(
    { layers, functionPath: folder.path, handler, env, memoryMb, timeoutMs, onLog },
    runContextOf(await testContext(options.arch)),
  );
  return {
    log,
    init: () => sandbox.init(),
    invoke: (request, sink) => sandbox.invoke(request, sink),
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  };
}

const QUIET: Reporter = {
  info: () => undefined,
  warn: () => undefined,
  activity: () => ({ doing: () => undefined, finished: () => undefined, failed: () => undefined }),
  close: () => undefined,
};

const contexts = new Map<Architecture, Promise<BuildContext>>();

/** What the command line would open with `--toolchain debian`; once for each test file and architecture. */
export function testContext(arch: Architecture = 'x86_64'): Promise<BuildContext> {
  const opened = contexts.get(arch) ?? openTestContext(arch);
  contexts.set(arch, opened);
  return opened;
}

async function openTestContext(arch: Architecture): Promise<BuildContext> {
  const io = fakeIo(homedir(), { env: process.env, now: Date.now, isRoot: process.getuid?.() === 0 });
  return openBuild(
    io,
    {
      recipes: [],
      store: undefined,
      sources: undefined,
      offline: false,
      platform: 'provided.al2023',
      arch,
      toolchain: 'debian',
      registry: undefined,
      jobs: undefined,
      memory: undefined,
      keepContainer: false,
    },
    { library: await openLibrary(io, []), reporter: QUIET },
  );
}

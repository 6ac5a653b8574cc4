import { EngineError } from '../core/errors.js';
import type { Architecture } from '../platform/platform.js';
import { readOutputText } from './program-output.js';
import type { RunContext } from './run-context.js';
import { runProgram } from './run-program.js';
import { readerSpec } from './image-reader.js';

/** How many times slower programs are when an emulator runs them (qemu: 5 to 10 times). */
const EMULATION_FACTOR = 10;

/** The dynamic loaders of Linux's C library. */
export const LOADERS: Readonly<Record<Architecture, string>> = {
  x86_64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
};

const LIMIT_MS = 60_000;
const MAX_OUTPUT = 10_000;

/** Reports whether the engine's machine needs an emulator for the programs of the runtime image. */
export function isForeign({ machine, platform }: Pick<RunContext, 'machine' | 'platform'>): boolean {
  return machine !== platform.architecture;
}

/** Returns the time limit, in milliseconds, of something that may take `limitMs` on a machine of its own architecture. */
export function emulatedLimit(limitMs: number, context: Pick<RunContext, 'machine' | 'platform'>): number {
  return isForeign(context) ? limitMs * EMULATION_FACTOR : limitMs;
}

/**
 * Checks that the engine starts the programs of a runtime image of another architecture, by starting its dynamic loader. Does
 * nothing for the architecture of the engine's machine. Throws EngineError if it does not.
 */
export async function checkForeignImage(
  context: Pick<RunContext, 'engine' | 'machine' | 'platform' | 'runtimeImage' | 'labels' | 'signal'>,
): Promise<void> {
  if (!isForeign(context)) return;
  const { engine, machine, labels, signal } = context;
  const { architecture } = context.platform;
  const loader = LOADERS[architecture];
  const [stdout, stderr] = [readOutputText(MAX_OUTPUT), readOutputText(MAX_OUTPUT)];
  const reason = await runProgram(
    {
      engine,
      // Without arguments, loaders of all versions say so and end with an error.
      spec: readerSpec({ image: context.runtimeImage.id, labels }, [loader]),
      output: { stdout: stdout.follow, stderr: stderr.follow },
      limitMs: LIMIT_MS,
      signal,
    },
    ({ end }) => {
      if (end.status === 'not-started') return end.reason;
      // Newer engines start the container first, which then prints why its program did not start.
      return /^.*exec .*: (?:exec format error|no such file or directory).*$/im.exec(stderr.text())?.[0];
    },
  );
  if (reason === undefined) return;
  throw new EngineError(
    `the container engine at ${engine.endpoint} runs on ${machine} and cannot run programs of ${architecture}`,
    {
      details: { reason },
      hint: `Run \`layersmith doctor --fix --arch ${architecture}\` as root on the engine's machine, which installs qemu, or run the layer on another engine (--test-engine).`,
    },
  );
}

import { resolve } from 'node:path';
import { UsageError } from '../core/errors.js';
import { FUNCTION_MEMORY_MB, FUNCTION_TIMEOUT_SECONDS } from '../core/lambda-limits.js';
import type { Reporter } from '../core/reporter.js';
import { wholeNumber } from '../core/whole-number.js';
import { kindOfCode } from '../tree/code-tree.js';
import type { Architecture } from '../platform/platform.js';
import type { LocalFunction } from '../sandbox/local-function.js';
import type { RunContext } from '../sandbox/run-context.js';
import type { Io } from './io.js';
import { layerFile } from './layer-files.js';
import { openRun, platformOfLayers, type RunArgs } from './run-session.js';

/** Flags of a command that runs a function. */
export interface FunctionArgs extends Pick<
  RunArgs,
  'store' | 'offline' | 'toolchain' | 'registry' | 'testEngine'
> {
  readonly layers: readonly string[];
  readonly function: string;
  readonly handler: string;
  readonly env: readonly string[];
  readonly timeout: number;
  readonly memory: number;
  readonly platform: string | undefined;
  readonly arch: Architecture | undefined;
}

const HANDLER_HINT = 'For example: --handler hello, for src/hello.php.';

/** Returns the function that the flags describe. Throws UsageError for values outside Lambda's limits and paths without code. */
export async function localFunctionOf(
  io: Io,
  args: FunctionArgs,
  onLog: (line: string) => void,
): Promise<LocalFunction> {
  if (args.handler.trim() === '') throw new UsageError('--handler is empty', { hint: HANDLER_HINT });
  const timeout = wholeNumber('--timeout', args.timeout, FUNCTION_TIMEOUT_SECONDS);
  const memoryMb = wholeNumber('--memory', args.memory, FUNCTION_MEMORY_MB);
  const env = Object.fromEntries(args.env.map(variableOf));
  const layers = await Promise.all(args.layers.map((layer) => layerFile(io, layer)));
  const functionPath = resolve(io.cwd, args.function);
  for (const layer of layers) await kindOfCode(layer, 'layer');
  await kindOfCode(functionPath, 'function');
  return { layers, functionPath, handler: args.handler, env, memoryMb, timeoutMs: timeout * 1000, onLog };
}

/** Opens what running a function needs. The platform is that of the flags, or that of the layers. */
export async function openFunctionContext(
  io: Io,
  args: FunctionArgs,
  { fn, reporter }: { readonly fn: LocalFunction; readonly reporter: Reporter },
): Promise<RunContext> {
  return openRun(io, { ...args, ...(await platformOfLayers(fn.layers, args)) }, reporter);
}

/** Parses `NAME=VALUE`. Throws UsageError if it is invalid. */
export function variableOf(text: string): readonly [string, string] {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`--env: '${text}' lacks '=VALUE' or a valid name`, {
    hint: 'For example: --env LOG_LEVEL=debug.',
  });
}

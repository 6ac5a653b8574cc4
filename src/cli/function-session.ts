import { resolve } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { kindOfCode } from '../tree/code-tree.js';
import type { Architecture } from '../platform/platform.js';
import type { LocalFunction } from '../sandbox/local-function.js';
import type { RunContext } from '../sandbox/run-context.js';
import type { Io } from './io.js';
import { openRun, platformOfLayers, type RunArgs } from './run-session.js';

/** Flags of a command that runs a function. */
export interface FunctionArgs extends Pick<RunArgs, 'store' | 'offline' | 'toolchain' | 'registry'> {
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
  const timeout = numberFrom('--timeout', { value: args.timeout, least: 1, most: 900 });
  const memoryMb = numberFrom('--memory', { value: args.memory, least: 128, most: 10_240 });
  const env = Object.fromEntries(args.env.map(variableOf));
  const layers = args.layers.map((path) => resolve(io.cwd, path));
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

/** Returns a flag's value if it is a whole number within the limits. Throws UsageError otherwise. */
export function numberFrom(
  flag: string,
  { value, least, most }: { readonly value: number; readonly least: number; readonly most: number },
): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${flag} must be a whole number from ${least} to ${most}`, {
    hint: `For example: ${flag} ${Math.max(least, Math.min(most, 10))}.`,
  });
}

/** Parses `NAME=VALUE`. Throws UsageError if it is invalid. */
export function variableOf(text: string): readonly [string, string] {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`--env: '${text}' lacks '=VALUE' or a valid name`, {
    hint: 'For example: --env LOG_LEVEL=debug.',
  });
}

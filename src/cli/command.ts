import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { Io } from './io.js';

/** A command's flags and handler, to be registered with a parser together with its usage and description. */
export interface Command {
  readonly register: (parser: Argv, as: { readonly usage: string; readonly describe: string }) => Argv;
}

/** How a command ended. A command can fail without throwing, by setting an exit code. */
export interface CommandOutcome {
  exitCode: number;
}

/** Creates a command for one run of the command line. */
export type CommandFactory = (io: Io, outcome: CommandOutcome) => Command;

/** Creates a command whose handler receives the argument types that its builder declares. */
export function command<T>({
  builder,
  handler,
}: {
  readonly builder: (yargs: Argv) => Argv<T>;
  readonly handler: (args: ArgumentsCamelCase<T>) => Promise<void>;
}): Command {
  return { register: (parser, { usage, describe }) => parser.command(usage, describe, builder, handler) };
}

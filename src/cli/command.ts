import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { Io } from './io.js';

/** A command's flags and its work, ready to be registered with a parser under its usage and description. */
export interface Command {
  readonly register: (parser: Argv, as: { readonly usage: string; readonly describe: string }) => Argv;
}

/** How a command ended, for commands whose result can be a failure although nothing was thrown. */
export interface CommandOutcome {
  exitCode: number;
}

/** Creates a command for one run of the command line. */
export type CommandFactory = (io: Io, outcome: CommandOutcome) => Command;

/** A command whose handler sees the types that its builder declares. */
export function command<T>({
  builder,
  handler,
}: {
  readonly builder: (yargs: Argv) => Argv<T>;
  readonly handler: (args: ArgumentsCamelCase<T>) => Promise<void>;
}): Command {
  return { register: (parser, { usage, describe }) => parser.command(usage, describe, builder, handler) };
}

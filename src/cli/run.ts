import yargs, { type Argv, type FallbackCompletionFunction } from 'yargs';
import { LayersmithError, UsageError } from '../core/errors.js';
import { VERSION } from '../core/version.js';
import { paintFor } from './color.js';
import type { CommandOutcome } from './command.js';
import { COMMANDS, type CommandEntry } from './commands.js';
import { commandForCompletion, COMPLETION_FLAG, completionValues } from './complete.js';
import { printError } from './error-printer.js';
import type { Io } from './io.js';

/** Runs one command line to its end and returns the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const outcome: CommandOutcome = { exitCode: 0 };
  try {
    const parser = yargs([...argv])
      .scriptName('layersmith')
      .usage('$0 COMMAND\n\nCompiles PHP and other interpreters into tested AWS Lambda layers.');
    // A word that is not a command can be a value (`audit build`). Loading one command too many does no harm.
    for (const entry of COMMANDS)
      await register(entry, { parser, io, outcome, load: argv.includes(entry.name) });
    await addCompletion(parser, { argv, io });
    parser
      .middleware((args) => {
        takeTheLast(args, parser);
      }, true)
      .demandCommand(1, 'Name a command.')
      .strict()
      .recommendCommands()
      .version(VERSION)
      .help()
      .wrap(100)
      .epilogue('Exit codes and file formats: docs/ and README.md.')
      .parserConfiguration({ 'greedy-arrays': false, 'boolean-negation': false })
      .detectLocale(false)
      .exitProcess(false)
      .fail((message: string, error: Error | undefined) => {
        // yargs reports its own errors as YError or as a message alone. Anything else was thrown by a command.
        throw error === undefined || error.name === 'YError' ? usageError(message, argv) : error;
      });
    await parser.parseAsync([...argv], {}, (_error, _args, output) => {
      if (output !== '') io.out(`${output}\n`);
    });
    if (argv[0] === 'completion' && argv.length === 1) io.out(commandForCompletion(io));
    return outcome.exitCode;
  } catch (error) {
    const shown: unknown = io.signal.aborted ? io.signal.reason : error;
    printError(shown, {
      print: io.err,
      paint: paintFor({ isTerminal: io.terminal !== undefined, env: io.env }),
      store: flagValue(argv, '--store'),
    });
    return shown instanceof LayersmithError ? shown.exitCode : 70;
  }
}

/** Registers a command. Loads its code only if it may be the one that runs. */
async function register(
  { name, args, describe, load }: CommandEntry,
  target: {
    readonly parser: Argv;
    readonly io: Io;
    readonly outcome: CommandOutcome;
    readonly load: boolean;
  },
): Promise<void> {
  const usage = args === undefined ? name : `${name} ${args}`;
  if (!target.load) target.parser.command(usage, describe);
  else (await load())(target.io, target.outcome).register(target.parser, { usage, describe });
}

/** Adds `layersmith completion` and its completions: yargs knows commands, flags and choices; layersmith adds the rest. */
async function addCompletion(
  parser: Argv,
  { argv, io }: { readonly argv: readonly string[]; readonly io: Io },
): Promise<void> {
  const describe = 'Print a completion script for bash, zsh or fish (by $SHELL)';
  const words = argv[0] === COMPLETION_FLAG ? argv.slice(1) : undefined;
  const values = words === undefined ? undefined : await completionValues(words, io);
  const wantsFlag = words?.at(-1)?.startsWith('-') === true;
  const complete: FallbackCompletionFunction = (_current, _args, byYargs, done) => {
    if (values !== undefined) done([...values]);
    // Offer flags only after a dash. Where nothing matches, the shell completes file names.
    else
      byYargs((_error, found = []) => {
        // yargs also offers short flags after two dashes: `--o`. Leave them out.
        done(found.filter((word) => (wantsFlag ? !/^--\w(:|\t|$)/.test(word) : !word.startsWith('-'))));
      });
  };
  parser.completion('completion', describe, complete);
}

/** Methods of yargs that @types/yargs lacks. */
interface Definitions {
  getOptions(): { readonly array: readonly string[] };
  getAliases(): Readonly<Record<string, readonly string[]>>;
}

/** Keeps only the last value of a repeated flag, unless the command defines it with `array`. */
function takeTheLast(args: Record<string, unknown>, parser: Argv): void {
  const { array } = (parser as Argv & Definitions).getOptions();
  const aliases = (parser as Argv & Definitions).getAliases();
  const several = new Set(['_', ...array.flatMap((name) => [name, ...(aliases[name] ?? [])])]);
  for (const [name, value] of Object.entries(args)) {
    if (!several.has(name) && Array.isArray(value)) args[name] = value.at(-1);
  }
}

/** Returns the last value of a flag as typed. It also works if parsing failed. */
function flagValue(argv: readonly string[], flag: string): string | undefined {
  const at = argv.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (at === -1) return undefined;
  return argv[at] === flag ? argv[at + 1] : argv[at]?.slice(flag.length + 1);
}

const SEE = (name: string): string => `See \`layersmith ${name === '' ? '' : `${name} `}--help\`.`;

/** Converts an error of yargs, with a message that says what to type where yargs does not. */
function usageError(message: string, argv: readonly string[]): UsageError {
  const typed = argv.find((word) => !word.startsWith('-')) ?? '';
  const entry = COMMANDS.find(({ name }) => name === typed);
  if (message.startsWith('Did you mean'))
    return new UsageError(`there is no command ${typed}. ${message}`.trim(), { hint: SEE('') });
  return new UsageError(complaint(message.trim(), entry), { hint: SEE(entry?.name ?? '') });
}

function complaint(message: string, entry: CommandEntry | undefined): string {
  const name = entry?.name ?? 'layersmith';
  const [, flags] = /^Missing required arguments?: (.*)$/.exec(message) ?? [];
  if (flags !== undefined) {
    const missing = flags.split(', ').map((flag) => `--${flag}`);
    return `${name} needs ${missing.join(' and ')}`;
  }
  const [, got] = /^Not enough non-option arguments: got (\d+)/.exec(message) ?? [];
  if (got !== undefined) {
    const required = entry?.args?.match(/<[^>]+>/g) ?? [];
    return `${name} needs ${required.slice(Number(got)).join(' and ')}`;
  }
  const [, flag] = /^Not enough arguments following: (.*)$/.exec(message) ?? [];
  return flag === undefined ? message : `${flag.length === 1 ? '-' : '--'}${flag} needs a value`;
}

import yargs, { type Argv } from 'yargs';
import { LayersmithError, UsageError } from '../core/errors.js';
import { VERSION } from '../core/version.js';
import { buildCommand } from './commands/build.js';
import { cleanCommand } from './commands/clean.js';
import { diffCommand } from './commands/diff.js';
import { doctorCommand } from './commands/doctor.js';
import { fetchCommand } from './commands/fetch.js';
import { invokeCommand } from './commands/invoke.js';
import { lockCommand } from './commands/lock.js';
import { packageCommand } from './commands/package.js';
import { planCommand } from './commands/plan.js';
import { deployCommand } from './commands/deploy.js';
import { pruneCommand } from './commands/prune.js';
import { publishCommand } from './commands/publish.js';
import { recipesCommand } from './commands/recipes.js';
import { serveCommand } from './commands/serve.js';
import { testCommand } from './commands/test.js';
import { advisoriesCommand } from './commands/advisories.js';
import { auditCommand } from './commands/audit.js';
import { verifyCommand } from './commands/verify.js';
import { complete } from './complete.js';
import { printError } from './error-printer.js';
import type { Io } from './io.js';

/** Runs one command line to its end and gives the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const outcome = { exitCode: 0 };
  try {
    const parser = yargs()
      .scriptName('layersmith')
      .usage('$0 COMMAND\n\nCompiles PHP and other interpreters into tested AWS Lambda layers.')
      .command(buildCommand(io))
      .command(planCommand(io))
      .command(fetchCommand(io))
      .command(testCommand(io))
      .command(verifyCommand(io, outcome))
      .command(auditCommand(io, outcome))
      .command(advisoriesCommand(io, outcome))
      .command(diffCommand(io))
      .command(packageCommand(io))
      .command(invokeCommand(io, outcome))
      .command(serveCommand(io))
      .command(publishCommand(io, outcome))
      .command(pruneCommand(io, outcome))
      .command(deployCommand(io))
      .command(recipesCommand(io))
      .command(lockCommand(io, outcome))
      .command(doctorCommand(io, outcome))
      .command(cleanCommand(io))
      .completion('completion', 'Print a completion script for bash or zsh')
      .middleware(takeTheLast, true)
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
        // yargs' own complaints come as its YError, or as a message alone; the rest was thrown by a command.
        throw error === undefined || error.name === 'YError' ? usageError(message, argv) : error;
      });
    if (argv[0] === COMPLETION_FLAG) {
      const flags = (words: readonly string[]): Promise<readonly string[]> => flagsOf(parser, words);
      for (const word of await complete(argv.slice(1), { io, flags })) io.out(`${word}\n`);
      return 0;
    }
    await parser.parseAsync([...argv], {}, (_error, _args, output) => {
      if (output !== '') io.out(`${output}\n`);
    });
    return outcome.exitCode;
  } catch (error) {
    const shown: unknown = io.signal.aborted ? io.signal.reason : error;
    printError(shown, io.err);
    return shown instanceof LayersmithError ? shown.exitCode : 70;
  }
}

/** Those that are made for several values, and the positionals that are. */
const SEVERAL = ['recipes', 'env', 'layers', 'targets', 'ignore', 'build-path', 'buildPath', 'account'];
/** Those that are in one command only. */
const SEVERAL_IN: Readonly<Record<string, string>> = { deploy: 'layer', publish: 'region', prune: 'region' };

/** A flag that is given twice counts once, as it was given last, unless it is made for several values. */
function takeTheLast(args: Record<string, unknown>): void {
  const [command] = args['_'] as readonly unknown[];
  const several = [...SEVERAL, SEVERAL_IN[String(command)]];
  for (const [name, value] of Object.entries(args)) {
    if (name !== '_' && !several.includes(name) && Array.isArray(value)) args[name] = value.at(-1);
  }
}

/** What the script that `completion` prints calls this program with, before the words of the line. */
const COMPLETION_FLAG = '--get-yargs-completions';

/** The flags of the command that the words name, as its help lists them. */
async function flagsOf(parser: Argv, [command = '']: readonly string[]): Promise<readonly string[]> {
  let help = '';
  await parser.parseAsync(
    [...(command.startsWith('-') ? [] : [command]), '--help'],
    {},
    (_error, _args, output) => {
      help = output;
    },
  );
  return [...help.matchAll(/^ +(?:-\w, )?(--[\w-]+)/gm)].map(([, flag = '']) => flag);
}

/** yargs suggests a command without saying for what. */
function usageError(message: string, argv: readonly string[]): UsageError {
  const text = message.startsWith('Did you mean')
    ? `there is no command ${argv.find((word) => !word.startsWith('-')) ?? ''}. ${message}`
    : message;
  return new UsageError(text.trim(), { hint: 'See `layersmith --help`, or `layersmith COMMAND --help`.' });
}

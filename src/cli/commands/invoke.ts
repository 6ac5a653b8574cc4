import type { Argv } from 'yargs';
import { UsageError } from '../../core/errors.js';
import { wholeNumber } from '../../core/whole-number.js';
import type { HttpOutcome } from '../../lambda/http-invocation.js';
import type { InvocationRequest } from '../../lambda/invocation.js';
import type { Sandbox } from '../../lambda/sandbox.js';
import { openLocalFunction } from '../../sandbox/local-function.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import { emulationHint } from '../emulation-hint.js';
import { entrypointHint } from '../entrypoint-hint.js';
import { checkJson, readEvent } from '../event-input.js';
import { invokeRemotely } from '../remote-invoke.js';
import { localFunctionOf, openFunctionContext } from '../function-session.js';
import { eventOfHttp, httpOptions } from '../http-flags.js';
import { invokeHttp } from '../http-invoke.js';
import { invokeOften, jsonOf, printResult, sinkTo } from '../invocation-result.js';
import type { Io } from '../io.js';
import { logFilter } from '../log-filter.js';
import {
  awsOptions,
  functionOptions,
  jsonOption,
  offlineOption,
  platformOfLayerOptions,
  platformOptions,
  regionOption,
  storeOption,
  testEngineOption,
} from '../options.js';
import { quietReporter } from '../quiet-reporter.js';
import { reporterFor } from '../session.js';
import { inWebMode } from '../web-mode.js';

/** Creates `layersmith invoke`: runs a function on its layers one or more times. Exits with 1 when the function fails. */
export function invokeCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('layers', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'Layer zips or folders in their order: later ones replace files of earlier ones',
        })
        .options({
          ...functionOptions,
          function: { ...functionOptions.function, demandOption: false },
          handler: { ...functionOptions.handler, demandOption: false },
          remote: {
            type: 'string',
            requiresArg: true,
            describe: 'Name or ARN of a function on Lambda, instead of layers',
          },
          ...regionOption,
          ...awsOptions,
          event: {
            type: 'string',
            requiresArg: true,
            describe: 'Event: JSON, @FILE, or - for stdin [default: {}]',
          },
          ...httpOptions,
          'client-context': {
            type: 'string',
            requiresArg: true,
            describe: 'Client context for the function, as JSON',
          },
          repeat: {
            type: 'number',
            requiresArg: true,
            default: 1,
            describe: 'Number of invocations; above 1 prints a summary of their durations',
          },
          ...platformOptions,
          ...platformOfLayerOptions,
          ...offlineOption,
          ...testEngineOption,
          ...storeOption,
          ...jsonOption,
        })
        .example(
          `$0 invoke dist/php-8.4.24-*.zip --function . --handler hello --event '{"name":"World"}'`,
          '',
        )
        .example('$0 invoke php.zip vendor.zip --function app --handler hello --event @event.json', '')
        .example('$0 invoke php.zip --function app --handler hello --repeat 1000', '')
        .example("$0 invoke php.zip --function . --handler public/index.php --http 'GET /?page=2'", '')
        .example(
          '$0 invoke --remote hello --event @event.json --region eu-west-1',
          'Invoke the function on Lambda',
        ),
    handler: async (given) => {
      if (given.remote !== undefined) {
        await invokeRemotely(io, { ...given, remote: given.remote }, outcome);
        return;
      }
      const args = locally(given);
      const repeat = wholeNumber('--repeat', args.repeat, { least: 1, most: 1_000_000 });
      const { clientContext } = args;
      if (clientContext !== undefined) checkJson('--client-context', clientContext);
      const isShown = logFilter({ repeat, onTerminal: io.terminal !== undefined && io.outIsTerminal });
      const described = await localFunctionOf(io, args, (line) => {
        if (isShown(line)) io.err(`${line}\n`);
      });
      const fn = args.http === undefined ? described : await inWebMode(described);
      const request: InvocationRequest = {
        ...((await eventOfHttp(io, args)) ?? { event: await readEvent(io, args.event ?? '{}') }),
        clientContext,
      };
      const reporter = quietReporter(reporterFor(io));
      try {
        const context = await openFunctionContext(io, args, { fn, reporter });
        await using sandbox = await openLocalFunction(fn, context);
        reporter.close();
        await sandbox.init();
        const { outcome: ended, problem } =
          args.http === undefined
            ? await invokeEvent(io, sandbox, { request, repeat, json: args.json })
            : await invokeHttp(io, sandbox, { request, repeat, json: args.json, format: args.eventFormat });
        const { error } = ended;
        const hint = entrypointHint(error) ?? emulationHint(error, context);
        if (hint !== undefined) io.err(`  → ${hint}\n`);
        if (error !== undefined || problem !== undefined) outcome.exitCode = 1;
      } finally {
        reporter.close();
      }
    },
  });
}

async function invokeEvent(
  io: Io,
  sandbox: Sandbox,
  {
    request,
    repeat,
    json,
  }: { readonly request: InvocationRequest; readonly repeat: number; readonly json: boolean },
): Promise<HttpOutcome> {
  const result =
    repeat > 1
      ? await invokeOften(sandbox, { request, repeat })
      : { outcome: await sandbox.invoke(request, json ? undefined : sinkTo(io)) };
  if (json) io.out(`${JSON.stringify(jsonOf(result))}\n`);
  else await printResult(io, result);
  return { ...result, problem: undefined };
}

/** Checks the arguments of a local function. Throws UsageError that names the missing ones. */
function locally<
  T extends {
    readonly layers: readonly string[];
    readonly function: string | undefined;
    readonly handler: string | undefined;
  },
>(args: T): T & { readonly function: string; readonly handler: string } {
  const { layers, function: code, handler } = args;
  const missing = [
    ...(layers.length === 0 ? ['a layer'] : []),
    ...(code === undefined ? ['--function'] : []),
    ...(handler === undefined ? ['--handler'] : []),
  ];
  if (code !== undefined && handler !== undefined && missing.length === 0)
    return { ...args, function: code, handler };
  throw new UsageError(`invoke needs ${missing.join(' and ')}`, {
    hint: 'Name layers, --function and --handler to run a function locally, or use --remote for one on Lambda.',
  });
}

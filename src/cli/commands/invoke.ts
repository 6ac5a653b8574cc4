import type { Argv } from 'yargs';
import { UsageError } from '../../core/errors.js';
import { wholeNumber } from '../../core/whole-number.js';
import type { InvocationOutcome, InvocationRequest, ResponseSink } from '../../lambda/invocation.js';
import type { Sandbox } from '../../lambda/sandbox.js';
import { openLocalFunction } from '../../sandbox/local-function.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import { emulationHint } from '../emulation-hint.js';
import { entrypointHint } from '../entrypoint-hint.js';
import { checkJson, readEvent } from '../event-input.js';
import { payloadOf } from '../payload.js';
import { invokeRemotely } from '../remote-invoke.js';
import { localFunctionOf, openFunctionContext } from '../function-session.js';
import type { Io } from '../io.js';
import { logFilter } from '../log-filter.js';
import { latencyMeter, latencyText, type Latency } from '../latency.js';
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
            default: '{}',
            describe: 'Event: JSON, @FILE, or - for stdin',
          },
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
      const fn = await localFunctionOf(io, args, (line) => {
        if (isShown(line)) io.err(`${line}\n`);
      });
      const request: InvocationRequest = { event: await readEvent(io, args.event), clientContext };
      const reporter = quietReporter(reporterFor(io));
      try {
        const context = await openFunctionContext(io, args, { fn, reporter });
        await using sandbox = await openLocalFunction(fn, context);
        reporter.close();
        await sandbox.init();
        const result =
          repeat > 1
            ? await invokeOften(sandbox, { request, repeat })
            : { outcome: await sandbox.invoke(request, args.json ? undefined : sinkTo(io)) };
        if (args.json) io.out(`${JSON.stringify(jsonOf(result))}\n`);
        else await print(io, result);
        const { error } = result.outcome;
        const hint = entrypointHint(error) ?? emulationHint(error, context);
        if (hint !== undefined) io.err(`  → ${hint}\n`);
        if (result.outcome.status !== 'success') outcome.exitCode = 1;
      } finally {
        reporter.close();
      }
    },
  });
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

interface Result {
  /** The first failed outcome, or the last one when none failed. */
  readonly outcome: InvocationOutcome;
  readonly latency?: Latency;
}

async function invokeOften(
  sandbox: Sandbox,
  { request, repeat }: { readonly request: InvocationRequest; readonly repeat: number },
): Promise<Result> {
  const meter = latencyMeter();
  let shown: InvocationOutcome | undefined;
  for (let count = 1; count < repeat; count++) {
    const one = await sandbox.invoke(request);
    meter.add(one);
    if (one.status !== 'success') shown ??= one;
  }
  const last = await sandbox.invoke(request);
  meter.add(last);
  return { outcome: shown ?? last, latency: meter.latency(repeat) };
}

/** Creates a sink that prints a streamed response as it arrives. */
function sinkTo(io: Io): ResponseSink {
  return { begin: () => undefined, write: (bytes) => io.outBytes(bytes) };
}

async function print(io: Io, { outcome, latency }: Result): Promise<void> {
  const { payload, streamed, error } = outcome;
  const begun = streamed && latency === undefined;
  if (!begun) await io.outBytes(payload);
  else if (error !== undefined)
    io.err(`the response was cut off: ${error.errorType}: ${error.errorMessage}\n`);
  if (io.outIsTerminal && payload.at(-1) !== NEWLINE) await io.outBytes(Buffer.of(NEWLINE));
  if (latency !== undefined) io.err(latencyText(latency));
}

const NEWLINE = 0x0a;

function jsonOf({ outcome, latency }: Result): Readonly<Record<string, unknown>> {
  const { payload, logTail: _logTail, report, ...rest } = outcome;
  return { ...rest, report: rounded(report), ...payloadOf(payload), latency: rounded(latency) };
}

/** Rounds measurements (`…Ms`) to hundredths of a millisecond, as in Lambda's REPORT line. */
function rounded<T>(value: T): T {
  const parse = (text: string | undefined): T => (text === undefined ? value : (JSON.parse(text) as T));
  return parse(
    JSON.stringify(value, (key, part: unknown) =>
      typeof part === 'number' && key.endsWith('Ms') ? Math.round(part * 100) / 100 : part,
    ),
  );
}

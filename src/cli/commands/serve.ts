import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Argv } from 'yargs';
import { wholeNumber } from '../../core/whole-number.js';
import { openInvocationEndpoint } from '../../lambda/invocation-endpoint.js';
import { openWatchedFunction } from '../../sandbox/watched-function.js';
import { command, type Command } from '../command.js';
import { localFunctionOf, openFunctionContext } from '../function-session.js';
import type { Io } from '../io.js';
import {
  functionOptions,
  jsonOption,
  offlineOption,
  platformOfLayerOptions,
  platformOptions,
  storeOption,
  testEngineOption,
} from '../options.js';
import { quietReporter } from '../quiet-reporter.js';
import { reporterFor } from '../session.js';

/** Creates `layersmith serve`: keeps a function warm behind Lambda's Invoke API until it is interrupted. */
export function serveCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('layers', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'Layer zips or folders in their order: later ones replace files of earlier ones',
        })
        .options({
          ...functionOptions,
          port: {
            type: 'number',
            requiresArg: true,
            default: 9000,
            describe: 'Port on 127.0.0.1; 0 chooses a free one',
          },
          ...platformOptions,
          ...platformOfLayerOptions,
          ...offlineOption,
          ...testEngineOption,
          ...storeOption,
          ...jsonOption,
        })
        .example('$0 serve dist/php-8.4.24-*.zip --function . --handler hello', 'Then point an SDK at it'),
    handler: async (args) => {
      const port = wholeNumber('--port', args.port, { least: 0, most: 65_535 });
      const onLog = (line: string): void => {
        io.err(`${line}\n`);
      };
      const fn = await localFunctionOf(io, args, onLog);
      const reporter = quietReporter(reporterFor(io));
      try {
        const context = await openFunctionContext(io, args, { fn, reporter });
        await using sandbox = await openWatchedFunction(fn, context);
        await using endpoint = await openInvocationEndpoint({
          sandbox,
          port,
          newRequestId: randomUUID,
          onLog: (line) => {
            onLog(`layersmith: ${line}`);
          },
        });
        reporter.close();
        await sandbox.init();
        const { url } = endpoint;
        const invocations = `${url}/2015-03-31/functions/function/invocations`;
        io.out(args.json ? `${JSON.stringify({ url, invocations })}\n` : `${url}\n`);
        io.err(`serving ${args.handler}: curl -d '{}' ${invocations}\n`);
        if (!io.signal.aborted) await once(io.signal, 'abort');
        io.signal.throwIfAborted();
      } finally {
        reporter.close();
      }
    },
  });
}

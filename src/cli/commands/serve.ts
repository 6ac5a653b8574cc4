import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { UsageError } from '../../core/errors.js';
import { kindOf } from '../../core/file-system.js';
import { wholeNumber } from '../../core/whole-number.js';
import type { AssetPlace } from '../../lambda/asset-files.js';
import { openHttpEndpoint } from '../../lambda/http-endpoint.js';
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
import { inWebMode } from '../web-mode.js';

/** Creates `layersmith serve`: keeps a function warm behind Lambda's Invoke API, or HTTP, until it is interrupted. */
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
            describe:
              'Port of the Invoke API on 127.0.0.1; 0 chooses a free one [default: 9000, or none with --http]',
          },
          http: {
            type: 'number',
            requiresArg: true,
            describe: 'Port on 127.0.0.1 for HTTP requests, as to a function URL; 0 chooses a free one',
          },
          assets: {
            type: 'string',
            requiresArg: true,
            describe: 'Folder of files that --http serves without the function, for example public',
          },
          ...platformOptions,
          ...platformOfLayerOptions,
          ...offlineOption,
          ...testEngineOption,
          ...storeOption,
          ...jsonOption,
        })
        .example('$0 serve dist/php-8.4.24-*.zip --function . --handler hello', 'Then point an SDK at it')
        .example(
          '$0 serve php.zip --function . --handler public/index.php --http 8080 --assets public',
          'Then open http://127.0.0.1:8080',
        ),
    handler: async (args) => {
      const ports = portsOf(args);
      const assets = await assetsOf(io, args);
      const onLog = (line: string): void => {
        io.err(`${line}\n`);
      };
      const described = await localFunctionOf(io, args, onLog);
      const fn = args.http === undefined ? described : await inWebMode(described);
      const reporter = quietReporter(reporterFor(io));
      try {
        const context = await openFunctionContext(io, args, { fn, reporter });
        await using sandbox = await openWatchedFunction(fn, context);
        const common = {
          sandbox,
          newRequestId: randomUUID,
          onLog: (line: string): void => {
            onLog(`layersmith: ${line}`);
          },
        };
        await using web =
          ports.http === undefined
            ? undefined
            : await openHttpEndpoint({ ...common, port: ports.http, assets, now: io.now });
        await using api =
          ports.api === undefined ? undefined : await openInvocationEndpoint({ ...common, port: ports.api });
        reporter.close();
        await sandbox.init();
        const addresses = addressesOf({ http: web?.url, url: api?.url });
        io.out(
          args.json
            ? `${JSON.stringify(addresses)}\n`
            : `${[web, api].flatMap((one) => one?.url ?? []).join('\n')}\n`,
        );
        if (web !== undefined) io.err(`serving ${args.handler}: open ${web.url}\n`);
        if (addresses.invocations !== undefined)
          io.err(`serving ${args.handler}: curl -d '{}' ${addresses.invocations}\n`);
        if (!io.signal.aborted) await once(io.signal, 'abort');
        io.signal.throwIfAborted();
      } finally {
        reporter.close();
      }
    },
  });
}

interface ServeArgs {
  readonly port: number | undefined;
  readonly http: number | undefined;
  readonly assets: string | undefined;
  readonly function: string;
}

/** The ports to listen at. Throws UsageError for a number that is not a port. */
function portsOf({ port, http }: ServeArgs): {
  readonly api: number | undefined;
  readonly http: number | undefined;
} {
  const checked = (flag: string, value: number | undefined): number | undefined =>
    value === undefined ? undefined : wholeNumber(flag, value, { least: 0, most: 65_535 });
  return {
    api: checked('--port', port ?? (http === undefined ? 9000 : undefined)),
    http: checked('--http', http),
  };
}

/** The folder of `--assets`. Throws UsageError if it is not a folder, or if nothing would serve it. */
async function assetsOf(
  io: Io,
  { assets, http, function: code }: ServeArgs,
): Promise<AssetPlace | undefined> {
  if (assets === undefined) return undefined;
  if (http === undefined)
    throw new UsageError('--assets is for --http, which serves the files', {
      hint: 'Add --http with a port, for example --http 8080.',
    });
  const folder = resolve(io.cwd, assets);
  if ((await kindOf(folder)) === 'folder') return { folder, linksInto: resolve(io.cwd, code) };
  throw new UsageError(`--assets: ${folder} is not a folder`, {
    hint: 'Give the folder with the files that a browser loads, for example public.',
  });
}

/** The object of `--json`. */
function addressesOf({
  http,
  url,
}: {
  readonly http: string | undefined;
  readonly url: string | undefined;
}): {
  readonly http: string | undefined;
  readonly url: string | undefined;
  readonly invocations: string | undefined;
} {
  const invocations = url === undefined ? undefined : `${url}/2015-03-31/functions/function/invocations`;
  return { http, url, invocations };
}

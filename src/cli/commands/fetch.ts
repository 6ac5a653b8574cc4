import type { Argv } from 'yargs';
import { fetchPlans } from '../../pipeline/build/fetch-plan.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import {
  jsonOption,
  recipesOption,
  shareOptions,
  sharedStoreOptions,
  sourceOptions,
  storeOption,
  withOption,
} from '../options.js';
import { createSharedProvider } from '../../source/shared-provider.js';
import { openSharedStore } from '../shared-session.js';
import { plannedLayers } from '../planned-layers.js';
import { openReleases } from '../release-session.js';
import { checkSources, fetcherFor, openStoreFor, reporterFor } from '../session.js';

/** Creates `layersmith fetch`: downloads every source of a recipe into the store and builds nothing. */
export function fetchCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('targets', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'Layers of layersmith.yaml, or recipes',
        })
        .options({
          ...withOption,
          ...sourceOptions,
          ...recipesOption,
          ...storeOption,
          ...sharedStoreOptions,
          ...shareOptions,
          ...jsonOption,
        })
        .example('$0 fetch php/8.4', 'Then `build --offline` needs no network')
        .example('$0 fetch php/8.4 --share', 'Also keep the sources in the shared store')
        .example('$0 fetch php/7.3 --sources ~/tarballs', 'Use files found by their sha256'),
    handler: async (args) => {
      const reporter = reporterFor(io);
      try {
        await checkSources(io, args.sources);
        const library = await openReleases(io, args, { reporter, retries: true });
        const layers = await plannedLayers(
          io,
          { names: args.targets, with: args.with, platform: undefined, arch: undefined },
          library,
        );
        const plans = [...new Set(layers.map(({ layer }) => layer.plan))];
        const store = await openStoreFor(io, args.store, reporter);
        const shared = await openSharedStore(io, args, { tmpDir: store.tmpDir, reporter });
        const mirrors = shared === undefined ? [] : [createSharedProvider(shared.tolerant, reporter.warn)];
        const fetcher = fetcherFor(io, args, { store, report: reporter.info, mirrors });
        const fetched = await fetchPlans(plans, { fetcher, signal: io.signal });
        if (args.share)
          for (const { sha256, path } of fetched) await shared?.tolerant.keepSource(sha256, path, io.signal);
        reporter.close();
        if (args.json)
          io.out(`${JSON.stringify({ sources: fetched.map(({ path: _path, ...source }) => source) })}\n`);
        else for (const { sha256, file, from } of fetched) io.out(`${sha256}  ${file}  (${from})\n`);
      } finally {
        reporter.close();
      }
    },
  });
}

import type { Argv } from 'yargs';
import { fetchPlan } from '../../pipeline/build/fetch-plan.js';
import { planFor } from '../../recipe/plan.js';
import { parseRecipeName } from '../../recipe/recipe-library.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, recipesOption, sourceOptions, storeOption } from '../options.js';
import { openReleases } from '../release-session.js';
import { checkSources, fetcherFor, openStoreFor, reporterFor } from '../session.js';

/** Creates `layersmith fetch`: downloads every source of a recipe into the store and builds nothing. */
export function fetchCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('recipe', { type: 'string', demandOption: true, describe: 'PACKAGE/LINE, or PACKAGE' })
        .options({ ...sourceOptions, ...recipesOption, ...storeOption, ...jsonOption })
        .example('$0 fetch php/8.4', 'Then `build --offline` needs no network')
        .example('$0 fetch php/7.3 --sources ~/tarballs', 'Use files found by their sha256'),
    handler: async (args) => {
      const reporter = reporterFor(io);
      try {
        await checkSources(io, args.sources);
        const library = await openReleases(io, args, { reporter, retries: true });
        const plan = await planFor(parseRecipeName(args.recipe), library);
        const store = await openStoreFor(io, args.store, reporter);
        const fetcher = fetcherFor(io, args, { store, report: reporter.info });
        const fetched = await fetchPlan(plan, { fetcher, signal: io.signal });
        reporter.close();
        if (args.json) io.out(`${JSON.stringify({ sources: fetched })}\n`);
        else for (const { sha256, file, from } of fetched) io.out(`${sha256}  ${file}  (${from})\n`);
      } finally {
        reporter.close();
      }
    },
  });
}

import type { Argv } from 'yargs';
import { LayersmithError } from '../../core/errors.js';
import { findEngine } from '../../engine/find-engine.js';
import { warnAboutEndOfLife } from '../../pipeline/build/end-of-life.js';
import { keyPlan } from '../../pipeline/build/keyed-plan.js';
import { planFor } from '../../recipe/plan.js';
import { parseRecipeName } from '../../recipe/recipe-library.js';
import { chooseToolchain } from '../../toolchain/choose-toolchain.js';
import type { Toolchain } from '../../toolchain/toolchain.js';
import { command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, platformOptions, recipesOption, sourceOptions, storeOption } from '../options.js';
import {
  fetcherFor,
  openLibrary,
  openStoreFor,
  platformFor,
  reporterFor,
  toolchainOptions,
} from '../session.js';

/** `layersmith plan`: the graph, each stage's key, and whether it is in the store. Builds, pulls and bootstraps nothing. */
export function planCommand(io: Io) {
  return command({
    command: 'plan [recipe]',
    describe: 'Show the stages of a recipe, their keys, and which are in the store',
    builder: (yargs: Argv) =>
      yargs
        .positional('recipe', { type: 'string', default: 'php/8.4', describe: 'PACKAGE/LINE, or PACKAGE' })
        .options({ ...platformOptions, ...sourceOptions, ...recipesOption, ...storeOption, ...jsonOption })
        .example('$0 plan php/8.4', 'What `build php/8.4` would compile'),
    handler: async (args) => {
      const reporter = reporterFor(io);
      const library = await openLibrary(io, args.recipes);
      const plan = await planFor(parseRecipeName(args.recipe), library);
      const platform = await platformFor(io, args);
      warnAboutEndOfLife({ plan, platform }, { reporter, now: io.now });
      const store = await openStoreFor(io, args.store, reporter);
      const { toolchain, missing } = await presentToolchain();
      const stages =
        toolchain === undefined
          ? plan.stages.map((stage) => ({ stage, key: undefined }))
          : await keyPlan(plan, {
              fetcher: fetcherFor(io, args, { store, report: reporter.info }),
              platform,
              toolchainDigest: toolchain.toolchain.digest,
              protocolPath: library.protocolPath,
              signal: io.signal,
            });
      if (toolchain === undefined) {
        reporter.warn(`no keys: they depend on the toolchain image, which a build makes first (${missing})`);
      } else {
        reporter.info(`toolchain: ${toolchain.kind}, whose image is in the engine`);
      }
      const unfetched = stages.some(
        (keyed) => 'sources' in keyed && keyed.sources.some(({ path }) => path === undefined),
      );
      if (unfetched) {
        reporter.info(
          'not all sources are here: a key changes if another alternative of a source is fetched than the first',
        );
      }
      const rows = [];
      for (const { stage, key } of stages) {
        const found = key === undefined ? undefined : await store.find('artifacts', key);
        rows.push({
          stage: stage.recipe.name,
          version: stage.recipe.version,
          needs: stage.needs.map((need) => need.recipe.name),
          key,
          inStore: found !== undefined,
          lastSeconds: await store.lastSeconds(stage.recipe.name),
        });
      }
      if (args.json) {
        io.out(
          `${JSON.stringify({ recipe: plan.root.recipe.name, platform: platform.name, toolchain: toolchain?.kind, stages: rows })}\n`,
        );
        return;
      }
      const width = Math.max(...rows.map(({ stage }) => stage.length));
      for (const { stage, version, needs, key, inStore } of rows) {
        const where = inStore ? 'in the store' : 'to be built';
        const after = needs.length === 0 ? '' : `  after ${needs.join(', ')}`;
        io.out(
          `${stage.padEnd(width)}  ${version.padEnd(8)}  ${key?.slice(0, 16) ?? '(no key yet)'}  ${where}${after}\n`,
        );
      }

      /** Looks only at images that are there: a plan pulls, builds and bootstraps nothing. */
      async function presentToolchain(): Promise<{
        readonly toolchain?: Toolchain;
        readonly missing: string;
      }> {
        try {
          const engine = await findEngine({ env: io.env, homeDir: io.homeDir, signal: io.signal });
          const parts = { engine, platform, store, reporter };
          const toolchain = await chooseToolchain(
            await toolchainOptions(io, { ...args, offline: true }, parts),
          );
          return { toolchain, missing: '' };
        } catch (error) {
          if (!(error instanceof LayersmithError)) throw error;
          return { missing: error.message };
        }
      }
    },
  });
}

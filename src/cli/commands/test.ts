import type { Argv } from 'yargs';
import { UsageError } from '../../core/errors.js';
import { kindOf } from '../../core/file-system.js';
import { findManifest } from '../../layer/find-manifest.js';
import { smokeTestLayer } from '../../pipeline/build/layer-smoke.js';
import { releasesOfLayer } from '../../recipe/release.js';
import { paintFor } from '../color.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { layerFile } from '../layer-files.js';
import {
  jsonOption,
  lockedOption,
  offlineOption,
  platformOfLayerOptions,
  platformOptions,
  recipesOption,
  stageOptions,
  storeOption,
  testEngineOption,
} from '../options.js';
import { layerOfManifest } from '../planned-layers.js';
import { openRun, platformOfLayers } from '../run-session.js';
import { openLibrary, reporterFor } from '../session.js';
import { stageLimits } from '../stage-limits.js';

/** Creates `layersmith test`: runs the smoke tests of a layer zip. */
export function testCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('zip', {
          type: 'string',
          demandOption: true,
          describe: 'Layer zip, or a layer of layersmith.yaml',
        })
        .options({
          recipe: {
            type: 'string',
            requiresArg: true,
            describe: "Recipe whose smoke tests run [default: the one in the zip's manifest]",
          },
          ...platformOptions,
          ...platformOfLayerOptions,
          ...offlineOption,
          jobs: { ...stageOptions.jobs, describe: "Containers at once [default: the engine's cores]" },
          ...recipesOption,
          ...testEngineOption,
          ...storeOption,
          ...lockedOption,
          ...jsonOption,
        })
        .example('$0 test dist/php-8.4.24-provided.al2023-x86_64.zip', 'As its manifest says')
        .example('$0 test other.zip --recipe php/8.4', 'A zip without a manifest'),
    handler: async (args) => {
      const zip = await layerFile(io, args.zip);
      if ((await kindOf(zip)) !== 'file') {
        throw new UsageError(`${args.zip} does not exist`, {
          hint: 'Give the path that `layersmith build` printed.',
        });
      }
      const manifest = await findManifest(zip);
      const recipe = args.recipe ?? manifest?.recipe;
      if (recipe === undefined) {
        throw new UsageError(`${args.zip} contains no manifest that names its recipe`, {
          hint: 'Name the recipe with --recipe.',
        });
      }
      const { jobs } = stageLimits({ jobs: args.jobs, memory: undefined });
      const reporter = reporterFor(io);
      try {
        const library = (await openLibrary(io, args.recipes)).choosing(
          releasesOfLayer(manifest?.stages ?? []),
        );
        const { plan, settings } = await layerOfManifest(
          args.recipe === undefined && manifest ? manifest : { recipe },
          library,
        );
        if (plan.root.recipe.smoke === undefined)
          throw new UsageError(`${recipe} has no smoke tests: no layer is made from it`);
        const { platform, arch } = await platformOfLayers([zip], args);
        const context = await openRun(io, { ...args, platform, arch }, reporter);
        const parallel = jobs ?? (await context.engine.info(io.signal)).cpus;
        const report = await smokeTestLayer(zip, { plan, mode: settings.mode, parallel, context });
        reporter.close();
        const paint = paintFor({ isTerminal: io.outIsTerminal, env: io.env });
        if (args.json) io.out(`${JSON.stringify({ recipe, platform, arch, ...report })}\n`);
        else
          io.out(
            `${paint('good', 'passed')}: ${report.programs} programs, ${report.invocations} invocations\n`,
          );
      } finally {
        reporter.close();
      }
    },
  });
}

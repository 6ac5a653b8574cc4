import type { Argv } from 'yargs';
import type { RecipeLibrary } from '../../recipe/recipe-library.js';
import type { ToolchainKind } from '../../toolchain/toolchain.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import {
  githubMatrix,
  gitlabPipeline,
  layerMatrix,
  MATRIX_FORMATS,
  runnersOf,
  type MatrixJob,
} from '../layer-matrix.js';
import {
  jsonOption,
  platformOptions,
  platformsOfLayersOptions,
  recipesOption,
  sharedStoreOptions,
  sourceOptions,
  storeOption,
  targetsPositional,
} from '../options.js';
import { plannedLayers } from '../planned-layers.js';
import { openReleases } from '../release-session.js';
import { openStoreFor, reporterFor } from '../session.js';
import { builtLayers, type IsBuilt } from '../shared-layers.js';
import { openSharedStore, type SharedStoreArgs } from '../shared-session.js';

/** Creates `layersmith matrix`: prints one CI job for each layer, platform and architecture. Builds nothing. */
export function matrixCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('targets', targetsPositional)
        .options({
          format: {
            choices: MATRIX_FORMATS,
            requiresArg: true,
            describe: "A matrix of GitHub's, or a child pipeline of GitLab's [default with --json: github]",
          },
          runner: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: 'Runner of an architecture, ARCH=LABEL; repeatable [default: the hosted ones]',
          },
          include: {
            type: 'string',
            requiresArg: true,
            default: '.gitlab/layersmith.yml',
            describe: 'With gitlab: the file with the job `.layersmith`, which the jobs extend',
          },
          ...platformsOfLayersOptions,
          ...sourceOptions,
          ...recipesOption,
          toolchain: platformOptions.toolchain,
          ...storeOption,
          ...sharedStoreOptions,
          ...jsonOption,
        })
        .example('$0 matrix --json', 'Every layer of layersmith.yaml, for `strategy.matrix` of GitHub')
        .example('$0 matrix --format gitlab > layers.yml', 'For `trigger: include: artifact` of GitLab'),
    handler: async (args) => {
      const format = args.format ?? (args.json ? 'github' : undefined);
      const runners = runnersOf(args.runner, format ?? 'github');
      const library = await openReleases(io, args, { reporter: reporterFor(io) });
      const targets = await plannedLayers(io, { ...args, names: args.targets, with: [] }, library);
      const { jobs, built } = await layerMatrix(targets, {
        runners,
        isBuilt: await isBuiltFor(io, args, library),
      });
      for (const job of built) io.err(`in the shared store, left out: ${describe(job)}\n`);
      switch (format) {
        case 'github':
          io.out(`${JSON.stringify(githubMatrix(jobs))}\n`);
          break;
        case 'gitlab':
          io.out(`${JSON.stringify(gitlabPipeline(jobs, args), undefined, 2)}\n`);
          break;
        case undefined:
          for (const job of jobs) io.out(`${describe(job)}\n`);
      }
    },
  });
}

/** Returns a function that looks for finished layers in the shared store. Without one, no layer is built. */
async function isBuiltFor(
  io: Io,
  args: SharedStoreArgs & {
    readonly store: string | undefined;
    readonly toolchain: ToolchainKind | undefined;
  },
  library: RecipeLibrary,
): Promise<IsBuilt> {
  const reporter = reporterFor(io);
  const store = await openStoreFor(io, args.store, reporter);
  const shared = await openSharedStore(io, args, { tmpDir: store.tmpDir, reporter });
  if (shared === undefined) return () => Promise.resolve(false);
  const registry = undefined;
  return builtLayers(io, { ...args, registry }, { library, store, shared: shared.tolerant, reporter });
}

/** `shop  provided.al2023  x86_64`. */
function describe({ layer, platform, arch }: MatrixJob): string {
  return [layer, platform, arch].join('  ');
}

import type { Argv } from 'yargs';
import { relative, resolve } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { findProject, type Project } from '../../definition/project.js';
import { buildLayer } from '../../pipeline/build/build-layer.js';
import { layerParts } from '../../pipeline/build/layer-parts.js';
import type { PlannedLayer } from '../../pipeline/build/planned-layer.js';
import { warnAboutEndOfLife } from '../../pipeline/build/end-of-life.js';
import type { RecipeLibrary } from '../../recipe/recipe-library.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import {
  jsonOption,
  lockedOption,
  platformOptions,
  platformsOfLayersOptions,
  recipesOption,
  shareOptions,
  sharedStoreOptions,
  sourceOptions,
  stageOptions,
  storeOption,
  targetsPositional,
  testEngineOption,
  withOption,
} from '../options.js';
import { openBuild, type BuildArgs } from '../build-session.js';
import {
  advisoriesFolder,
  describeAdvisories,
  openAdvisories,
  type AdvisoryCheck,
} from '../layer-advisories.js';
import { groupByTarget, plannedLayers, type LayerArgs, type TargetedLayer } from '../planned-layers.js';
import { openReleases, type ReleaseArgs } from '../release-session.js';
import { checkSources, platformFor, reporterFor } from '../session.js';
import { stageLimits } from '../stage-limits.js';
import { duration, size } from '../words.js';

/** Creates `layersmith build`: compiles layers of layersmith.yaml, or recipes, into tested layer zips. */
export function buildCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('targets', targetsPositional)
        .options({
          output: {
            alias: 'o',
            type: 'string',
            requiresArg: true,
            default: 'dist',
            describe: 'Folder for the zip, its manifest, SBOM and provenance',
          },
          'builder-id': {
            type: 'string',
            requiresArg: true,
            default: 'urn:layersmith:builder',
            describe: 'URI that identifies the builder in the provenance',
          },
          ...withOption,
          ...platformOptions,
          ...platformsOfLayersOptions,
          ...sourceOptions,
          ...stageOptions,
          ...recipesOption,
          ...testEngineOption,
          ...storeOption,
          ...sharedStoreOptions,
          ...shareOptions,
          ...lockedOption,
          ...jsonOption,
        })
        .example('$0 build', 'Every layer of layersmith.yaml; without one, PHP 8.4')
        .example('$0 build shop', 'One layer of layersmith.yaml')
        .example('$0 build php/8.4 --with intl,redis', 'A recipe with extensions')
        .example('$0 build php/7.4 --toolchain debian', 'An older line, with the embedded toolchain')
        .example('$0 build lua/5.4 --arch x86_64 --arch arm64', 'Two zips, one after the other')
        .example('$0 build lua/5.4 --offline', 'Use only what is in the store')
        .example('$0 build --shared-store s3://acme-layers/php', 'Compile only what nobody has compiled'),
    handler: async (args) => {
      const builderId = builderIdOf(args['builder-id']);
      const output = resolve(io.cwd, args.output);
      // Before a release is chosen, which may download its sources.
      stageLimits(args);
      await checkSources(io, args.sources);
      const project = await findProject(io.cwd);
      const folder = await advisoriesFolder(project);
      const { library, targets } = await planned(io, args);
      const plans = targets.map(({ layer }) => layer.plan);
      const advisories =
        folder === undefined ? undefined : openAdvisories(folder, { plans, warn: reporterFor(io).warn });
      for (const target of groupByTarget(targets))
        await buildAll(io, { ...args, ...target, output, builderId, library, project, advisories });
    },
  });
}

/** Plans the layers, all before the first is built. */
async function planned(
  io: Io,
  args: ReleaseArgs & Omit<LayerArgs, 'names'> & { readonly targets: readonly string[] },
): Promise<{ readonly library: RecipeLibrary; readonly targets: readonly TargetedLayer[] }> {
  const reporter = reporterFor(io);
  try {
    const library = await openReleases(io, args, { reporter });
    const targets = await plannedLayers(io, { ...args, names: args.targets }, library);
    for (const { layer } of targets) layerParts(layer.plan.root.recipe);
    return { library, targets };
  } finally {
    reporter.close();
  }
}

/** Builds layers for one platform and architecture, and prints the path of each as soon as it is built. */
async function buildAll(
  io: Io,
  {
    layers,
    library,
    output,
    builderId,
    project,
    advisories,
    ...args
  }: BuildArgs & {
    readonly layers: readonly PlannedLayer[];
    readonly library: RecipeLibrary;
    /** An absolute path. */
    readonly output: string;
    readonly builderId: string;
    readonly project: Project;
    readonly advisories: AdvisoryCheck | undefined;
    readonly json: boolean;
  },
): Promise<void> {
  let started = io.now();
  const reporter = reporterFor(io);
  try {
    const platform = await platformFor(io, args);
    for (const { plan } of layers) warnAboutEndOfLife({ plan, platform }, { reporter, now: io.now });
    const context = await openBuild(io, args, { library, reporter });
    for (const layer of layers) {
      const result = await buildLayer(layer, { output, builderId, context });
      reporter.close();
      const seconds = (io.now() - started) / 1000;
      const { programs, invocations } = result.record.smokeTests;
      io.err(
        `${result.reused ? 'in the store, built and tested before' : 'built and tested'}: ` +
          `${programs} programs, ${invocations} invocations\n` +
          `size ${size(result.sizeBytes)}  sha256 ${result.sha256}  time ${duration(seconds)}\n`,
      );
      const found = await advisories?.about(layer.plan);
      if (found !== undefined) {
        const { name } = layer;
        const isDefined = project.layers.some((each) => each.name === name);
        const target = isDefined ? name : relative(io.cwd, result.path);
        io.err(`${describeAdvisories(found, { name, target })}\n`);
      }
      io.out(
        args.json
          ? `${JSON.stringify({ ...result, seconds, ...(found === undefined ? {} : { advisories: found }) })}\n`
          : `${result.path}\n`,
      );
      started = io.now();
    }
  } finally {
    reporter.close();
  }
}

/** Returns a builder id that is a URI, as SLSA requires. Throws UsageError for any other text. */
function builderIdOf(text: string): string {
  if (URL.canParse(text)) return text;
  throw new UsageError(`--builder-id: '${text}' is not a valid URI`, {
    hint: 'For example: --builder-id https://github.com/me/layers/actions.',
  });
}

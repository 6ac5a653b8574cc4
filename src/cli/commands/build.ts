import type { Argv } from 'yargs';
import { resolve } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { buildLayer } from '../../pipeline/build/build-layer.js';
import { layerParts } from '../../pipeline/build/layer-parts.js';
import { warnAboutEndOfLife } from '../../pipeline/build/end-of-life.js';
import type { Architecture } from '../../platform/platform.js';
import { planFor } from '../../recipe/plan.js';
import { parseRecipeName } from '../../recipe/recipe-library.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import {
  jsonOption,
  lockedOption,
  platformOptions,
  recipesOption,
  sourceOptions,
  stageOptions,
  storeOption,
  testEngineOption,
} from '../options.js';
import { openBuild, type BuildArgs } from '../build-session.js';
import { openReleases } from '../release-session.js';
import { checkSources, platformFor, reporterFor } from '../session.js';
import { stageLimits } from '../stage-limits.js';
import { duration, size } from '../words.js';

/** Creates `layersmith build`: compiles a recipe into a tested layer zip. */
export function buildCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('recipe', { type: 'string', default: 'php/8.4', describe: 'PACKAGE/LINE, or PACKAGE' })
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
          ...platformOptions,
          arch: {
            ...platformOptions.arch,
            array: true,
            default: ['x86_64'] as Architecture[],
            describe: 'Architecture; repeatable, for one layer each',
          },
          ...sourceOptions,
          ...stageOptions,
          ...recipesOption,
          ...testEngineOption,
          ...storeOption,
          ...lockedOption,
          ...jsonOption,
        })
        .example('$0 build', 'PHP 8.4 for provided.al2023 on x86_64')
        .example('$0 build php/7.4 --toolchain debian', 'An older line, with the embedded toolchain')
        .example('$0 build lua/5.4 --arch x86_64 --arch arm64', 'Two zips, one after the other')
        .example('$0 build lua/5.4 --offline', 'Use only what is in the store'),
    handler: async (args) => {
      const builderId = builderIdOf(args['builder-id']);
      const output = resolve(io.cwd, args.output);
      for (const arch of new Set(args.arch)) await buildOne(io, { ...args, arch, output, builderId });
    },
  });
}

/** Builds the layer of one architecture, and prints its path. */
async function buildOne(
  io: Io,
  args: BuildArgs & {
    readonly recipe: string;
    /** An absolute path. */
    readonly output: string;
    readonly builderId: string;
    readonly json: boolean;
  },
): Promise<void> {
  const { output, builderId } = args;
  const started = io.now();
  const reporter = reporterFor(io);
  try {
    // Before a release is chosen, which may download its sources.
    stageLimits(args);
    await checkSources(io, args.sources);
    const platform = await platformFor(io, args);
    const library = await openReleases(io, args, { reporter });
    const plan = await planFor(parseRecipeName(args.recipe), library);
    layerParts(plan.root.recipe);
    warnAboutEndOfLife({ plan, platform }, { reporter, now: io.now });
    const context = await openBuild(io, args, { library, reporter });
    const result = await buildLayer(plan, { output, builderId, context });
    reporter.close();
    const seconds = (io.now() - started) / 1000;
    const { programs, invocations } = result.record.smokeTests;
    io.err(
      `${result.reused ? 'in the store, built and tested before' : 'built and tested'}: ` +
        `${programs} programs, ${invocations} invocations\n` +
        `size ${size(result.sizeBytes)}  sha256 ${result.sha256}  time ${duration(seconds)}\n`,
    );
    io.out(args.json ? `${JSON.stringify({ ...result, seconds })}\n` : `${result.path}\n`);
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

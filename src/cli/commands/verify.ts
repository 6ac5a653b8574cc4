import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { EXIT_CODES, UsageError } from '../../core/errors.js';
import { kindOf } from '../../core/file-system.js';
import { kindOfCode } from '../../tree/code-tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import type { Manifest } from '../../layer/manifest.js';
import { openUserScratch } from '../../core/scratch.js';
import { addedFiles } from '../../pipeline/verify/added-files.js';
import { verifyLayer } from '../../pipeline/verify/verify-layer.js';
import { verifyLayers, type Verified } from '../../pipeline/verify/verify-recipes.js';
import { releasesOfLayer } from '../../recipe/release.js';
import { DEFINITION_FILE } from '../../definition/project.js';
import type { BuildContext } from '../../pipeline/build/build-context.js';
import type { PlannedLayer } from '../../pipeline/build/planned-layer.js';
import { verifyShared } from '../../pipeline/verify/verify-shared.js';
import { openSharedStore, type SharedStoreArgs } from '../shared-session.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import {
  jsonOption,
  lockedOption,
  platformOptions,
  platformsOfLayersOptions,
  recipesOption,
  sharedStoreOptions,
  sourceOptions,
  stageOptions,
  storeOption,
  withOption,
} from '../options.js';
import { openBuild } from '../build-session.js';
import { groupByTarget, layerOfManifest, plannedLayers } from '../planned-layers.js';
import { openReleases } from '../release-session.js';
import { reporterFor } from '../session.js';

/** Creates `layersmith verify`: builds twice and checks that the bytes are the same. */
export function verifyCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('targets', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'Layers of layersmith.yaml or recipes (shared stages are built once), or one layer zip',
        })
        .options({
          ...withOption,
          ...platformOptions,
          ...platformsOfLayersOptions,
          ...sourceOptions,
          ...stageOptions,
          ...recipesOption,
          ...storeOption,
          ...sharedStoreOptions,
          shared: {
            type: 'string',
            requiresArg: true,
            describe:
              'Compile a sample of the stages that the shared store has, such as 5%, and compare them',
          },
          ...lockedOption,
          ...jsonOption,
        })
        .example('$0 verify php/8.4', 'Build everything twice from scratch')
        .example('$0 verify php/8.4 --shared 5%', 'Compile some stages of the shared store again')
        .example('$0 verify dist/php-8.4.24-provided.al2023-x86_64.zip', 'Rebuild it as its manifest says'),
    handler: async (args) => {
      const zips = await Promise.all(args.targets.map(isFile.bind(undefined, io)));
      if (zips.includes(true) && args.targets.length > 1) {
        throw new UsageError('a layer zip cannot be verified together with other targets', {
          hint: 'Name one zip, or recipes.',
        });
      }
      const percent = args.shared === undefined ? undefined : percentOf(args.shared);
      if (zips[0] === true && percent !== undefined)
        throw new UsageError('--shared takes layers or recipes, not a zip', {
          hint: 'Name the layer instead.',
        });
      const reporter = reporterFor(io);
      try {
        const library = await openReleases(io, args, { reporter });
        let results: readonly Verified[];
        if (zips[0] === true) {
          const zip = resolve(io.cwd, args.targets[0] ?? '');
          const manifest = await manifestOf(zip);
          await using added = await addedFiles(zip, manifest, { tmpDir: await openUserScratch(io.tmpDir) });
          const planned = await layerOfManifest(manifest, library.choosing(releasesOfLayer(manifest.stages)));
          const layer = { ...planned, settings: { ...planned.settings, files: added.files } };
          const { platform, architecture: arch, toolchain } = manifest;
          const asMade = { ...args, platform, arch, toolchain: toolchain.kind };
          const context = await openBuild(io, asMade, { library, reporter });
          results = [await verifyLayer(zip, { manifest, layer, context })];
        } else {
          const targets = await plannedLayers(io, { ...args, names: args.targets }, library);
          const all: Verified[] = [];
          for (const { platform, arch, layers } of groupByTarget(targets)) {
            const context = await openBuild(io, { ...args, platform, arch }, { library, reporter });
            all.push(
              ...(percent === undefined
                ? await verifyLayers(layers, context)
                : await verifySample(io, args, { layers, context, percent })),
            );
          }
          results = all;
        }
        reporter.close();
        io.out(args.json ? `${JSON.stringify({ same: isSame(results), results })}\n` : describe(results));
        if (!isSame(results)) outcome.exitCode = EXIT_CODES.integrity;
      } finally {
        reporter.close();
      }
    },
  });
}

/** Compares a sample of a shared store with what is compiled here. Throws UsageError if there is no shared store. */
async function verifySample(
  io: Io,
  args: SharedStoreArgs,
  options: {
    readonly layers: readonly PlannedLayer[];
    readonly context: BuildContext;
    readonly percent: number;
  },
): Promise<readonly Verified[]> {
  const { layers, context, percent } = options;
  const { store, reporter } = context;
  const shared = await openSharedStore(io, args, { tmpDir: store.tmpDir, reporter });
  if (shared === undefined) {
    throw new UsageError('--shared needs a shared store', {
      hint: `Name it with --shared-store s3://BUCKET/PREFIX, or as \`store\` in ${DEFINITION_FILE}.`,
    });
  }
  return verifyShared(layers, { context, shared: shared.store, percent, random: Math.random });
}

/** Parses `5%`. Throws UsageError for anything else. */
function percentOf(text: string): number {
  const [, digits = ''] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  const percent = Number.parseFloat(digits);
  if (percent > 0 && percent <= 100) return percent;
  throw new UsageError(`--shared: '${text}' is not a part such as 5%`, { hint: 'For example: --shared 5%.' });
}

async function manifestOf(zip: string): Promise<Manifest> {
  await kindOfCode(zip, 'layer');
  const manifest = await findManifest(zip);
  if (manifest !== undefined) return manifest;
  throw new UsageError(`${zip} contains no manifest that describes how it was built`, {
    hint: 'Only layers that layersmith built can be rebuilt; `layersmith audit` works on any layer.',
  });
}

async function isFile(io: Io, target: string): Promise<boolean> {
  return target.endsWith('.zip') || (await kindOf(resolve(io.cwd, target))) === 'file';
}

function isSame(results: readonly Verified[]): boolean {
  return results.every(({ first, second }) => first === second);
}

/** Formats one line for each result, followed by its differences. */
function describe(results: readonly Verified[]): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const lines = results.flatMap(({ name, first, second, differences }) => [
    first === second
      ? `same     ${name.padEnd(width)}  sha256 ${first}`
      : `differs  ${name.padEnd(width)}  sha256 ${first} and ${second}`,
    ...(first === second || differences.length > 0
      ? []
      : ['           the files are the same, but they are packed differently']),
    ...differences.map(({ path, detail }) => `           ${path}: ${detail}`),
  ]);
  const different = results.filter(({ first, second }) => first !== second).length;
  const verdict =
    different === 0
      ? `the same bytes: ${results.length} of ${results.length}`
      : `not reproducible: ${different} of ${results.length}`;
  return `${[...lines, verdict].join('\n')}\n`;
}

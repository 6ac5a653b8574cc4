import type { Argv } from 'yargs';
import { warnAboutEndOfLife } from '../../pipeline/build/end-of-life.js';
import { resolvePlan } from '../../pipeline/build/resolve-plan.js';
import { recallResult } from '../../pipeline/build/stage-results.js';
import type { RecipeLibrary } from '../../recipe/recipe-library.js';
import type { Reporter } from '../../core/reporter.js';
import type { BuildArgs } from '../build-session.js';
import { plannedLayers, type TargetedLayer } from '../planned-layers.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import {
  jsonOption,
  platformOptions,
  platformsOfLayersOptions,
  recipesOption,
  sharedStoreOptions,
  sourceOptions,
  storeOption,
  targetsPositional,
  withOption,
} from '../options.js';
import { plannedToolchain, presentToolchain } from '../planned-toolchain.js';
import { isLayerShared } from '../shared-layers.js';
import { openSharedStore, type SharedStoreArgs } from '../shared-session.js';
import { openReleases } from '../release-session.js';
import { checkSources, openStoreFor, platformFor, reporterFor } from '../session.js';
import { machineFor } from '../toolchain-session.js';

/** Creates `layersmith plan`: prints the stages, their keys, and which are in the store. Builds and pulls nothing. */
export function planCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('targets', targetsPositional)
        .options({
          ...withOption,
          ...platformOptions,
          ...platformsOfLayersOptions,
          ...sourceOptions,
          ...recipesOption,
          ...storeOption,
          ...sharedStoreOptions,
          ...jsonOption,
        })
        .example('$0 plan php/8.4', 'What `build php/8.4` would compile'),
    handler: async (args) => {
      const reporter = reporterFor(io);
      await checkSources(io, args.sources);
      const library = await openReleases(io, args, { reporter });
      const targets = await plannedLayers(io, { ...args, names: args.targets }, library);
      for (const target of targets) {
        if (targets.length > 1 && !args.json)
          io.out(`${target === targets[0] ? '' : '\n'}${titleOf(target)}\n`);
        await showPlan(io, { ...args, ...target, library, reporter });
      }
    },
  });
}

/** `shop for provided.al2023 x86_64`. */
function titleOf({ layer, platform, arch }: TargetedLayer): string {
  return `${layer.name} for ${platform} ${arch}`;
}

/** Prints the plan of one layer. */
async function showPlan(
  io: Io,
  args: TargetedLayer &
    Pick<BuildArgs, 'store' | 'toolchain' | 'registry' | 'offline' | keyof SharedStoreArgs> & {
      readonly library: RecipeLibrary;
      readonly reporter: Reporter;
      readonly json: boolean;
    },
): Promise<void> {
  const { library, reporter, layer } = args;
  const { plan } = layer;
  const platform = await platformFor(io, args);
  warnAboutEndOfLife({ plan, platform }, { reporter, now: io.now });
  const store = await openStoreFor(io, args.store, reporter);
  const shared = await openSharedStore(io, args, { tmpDir: store.tmpDir, reporter });
  const toolchain = await plannedToolchain(io, args.toolchain, {
    machine: await machineFor(io),
    platform,
    present: () => presentToolchain(io, args, { platform, store, reporter }),
  });
  if (toolchain === undefined) {
    reporter.warn(
      `no keys: no lock has a toolchain for ${platform.name} ${platform.architecture}, and the engine has no image of one; \`layersmith lock\` writes one`,
    );
  } else {
    reporter.info(`toolchain: ${toolchain.kind} (${toolchain.reason})`);
    if (toolchain.caveat !== undefined) reporter.info(`not pinned: ${toolchain.caveat}`);
  }
  const resolved =
    toolchain === undefined
      ? undefined
      : await resolvePlan(plan, {
          platform,
          toolchainDigest: toolchain.digest,
          protocolPath: library.protocolPath,
        });
  const keys = new Map(resolved?.stages.map(({ stage, inputKey }) => [stage, inputKey]));
  const found = await rows();
  const isShared =
    toolchain !== undefined &&
    resolved !== undefined &&
    shared !== undefined &&
    (await isLayerShared(io, { layer, resolved, platform, toolchain, shared: shared.tolerant }));
  if (args.json) {
    io.out(`${JSON.stringify(asJson())}\n`);
    return;
  }
  const width = Math.max(...plan.stages.map(({ recipe }) => recipe.name.length));
  for (const { recipe, needs, where, key } of found) {
    const after = needs.length === 0 ? '' : `  after ${needs.join(', ')}`;
    io.out(
      `${recipe.name.padEnd(width)}  ${recipe.version.padEnd(8)}  ${key?.slice(0, 16) ?? '(no key yet)'}  ${where}${after}\n`,
    );
  }

  if (isShared) io.out(`the layer is in the shared store, built and tested\n`);

  /** Formats the plan as JSON. It has nothing of the machine but a toolchain that is not pinned. */
  function asJson() {
    return {
      layer: layer.name,
      recipe: plan.root.recipe.name,
      extensions: plan.extensions.map((stage) => stage.recipe.name),
      platform: platform.name,
      architecture: platform.architecture,
      toolchain: toolchain && {
        kind: toolchain.kind,
        digest: toolchain.digest,
        pinned: toolchain.caveat === undefined,
      },
      ...(shared === undefined ? {} : { shared: isShared }),
      stages: plan.stages.map((stage, index) => ({
        stage: stage.recipe.name,
        version: stage.recipe.version,
        needs: stage.needs.map((need) => need.recipe.name),
        key: keys.get(stage),
        ...(shared === undefined ? {} : { shared: found[index]?.isShared === true }),
        sources: stage.recipe.sources.map(({ name, alternatives }) => ({
          name,
          alternatives: alternatives.map(({ name: file, sha256 }) => ({ file, sha256 })),
        })),
      })),
    };
  }

  async function rows() {
    return Promise.all(
      plan.stages.map(async (stage) => {
        const key = keys.get(stage);
        const result = key === undefined ? undefined : await recallResult(store, key);
        const found = result && (await store.find('artifacts', result.contentKey));
        const isShared =
          key !== undefined && (await shared?.tolerant.find('stages', key, io.signal)) !== undefined;
        return {
          recipe: stage.recipe,
          needs: stage.needs.map((need) => need.recipe.name),
          key,
          isShared,
          where: found !== undefined ? 'in the store' : isShared ? 'in the shared store' : 'to be built',
        };
      }),
    );
  }
}

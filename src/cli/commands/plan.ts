import type { Argv } from 'yargs';
import { LayersmithError } from '../../core/errors.js';
import { findEngine } from '../../engine/find-engine.js';
import { ownerLabels } from '../../engine/owned-containers.js';
import { warnAboutEndOfLife } from '../../pipeline/build/end-of-life.js';
import { resolvePlan } from '../../pipeline/build/resolve-plan.js';
import { recallResult } from '../../pipeline/build/stage-results.js';
import { planFor } from '../../recipe/plan.js';
import { parseRecipeName } from '../../recipe/recipe-library.js';
import { prepareToolchain } from '../../toolchain/describe-toolchain.js';
import { lockKey, type LockFile } from '../../toolchain/lock-file.js';
import { TOOLCHAIN_KINDS, type Toolchain, type ToolchainKind } from '../../toolchain/toolchain.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, platformOptions, recipesOption, sourceOptions, storeOption } from '../options.js';
import {
  checkSources,
  openLibrary,
  openLock,
  openStoreFor,
  platformFor,
  reporterFor,
  toolchainOptions,
} from '../session.js';

/** Creates `layersmith plan`: prints the stages, their keys, and which are in the store. Builds and pulls nothing. */
export function planCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('recipe', { type: 'string', default: 'php/8.4', describe: 'PACKAGE/LINE, or PACKAGE' })
        .options({ ...platformOptions, ...sourceOptions, ...recipesOption, ...storeOption, ...jsonOption })
        .example('$0 plan php/8.4', 'What `build php/8.4` would compile'),
    handler: async (args) => {
      const reporter = reporterFor(io);
      await checkSources(io, args.sources);
      const library = await openLibrary(io, args.recipes);
      const plan = await planFor(parseRecipeName(args.recipe), library);
      const platform = await platformFor(io, args);
      warnAboutEndOfLife({ plan, platform }, { reporter, now: io.now });
      const store = await openStoreFor(io, args.store, reporter);
      const toolchain = await knownToolchain();
      if (toolchain === undefined) {
        reporter.warn(
          `no keys: no lock has a toolchain for ${platform.name} ${platform.architecture}, and the engine has no image of one; \`layersmith lock\` writes one`,
        );
      } else {
        reporter.info(`toolchain: ${toolchain.kind} (${toolchain.from})`);
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
      if (args.json) {
        io.out(`${JSON.stringify(asJson())}\n`);
        return;
      }
      const width = Math.max(...plan.stages.map(({ recipe }) => recipe.name.length));
      for (const { recipe, needs, where, key } of await rows()) {
        const after = needs.length === 0 ? '' : `  after ${needs.join(', ')}`;
        io.out(
          `${recipe.name.padEnd(width)}  ${recipe.version.padEnd(8)}  ${key?.slice(0, 16) ?? '(no key yet)'}  ${where}${after}\n`,
        );
      }

      /** Formats the plan as JSON. The result is the same on every machine with the same recipes and lock. */
      function asJson() {
        return {
          recipe: plan.root.recipe.name,
          platform: platform.name,
          architecture: platform.architecture,
          toolchain: toolchain && { kind: toolchain.kind, digest: toolchain.digest },
          stages: plan.stages.map((stage) => ({
            stage: stage.recipe.name,
            version: stage.recipe.version,
            needs: stage.needs.map((need) => need.recipe.name),
            key: keys.get(stage),
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
            return {
              recipe: stage.recipe,
              needs: stage.needs.map((need) => need.recipe.name),
              key,
              where: found === undefined ? 'to be built' : 'in the store',
            };
          }),
        );
      }

      /** Returns the toolchain that a build would use, as far as it is known without pulling or bootstrapping. */
      async function knownToolchain(): Promise<
        { readonly kind: ToolchainKind; readonly digest: string; readonly from: string } | undefined
      > {
        const { own, lock } = await openLock(io);
        const kinds = args.toolchain === undefined ? TOOLCHAIN_KINDS : [args.toolchain];
        const locked = (among: LockFile): ToolchainKind | undefined =>
          kinds.find((kind) => among.has(lockKey(platform, kind)));
        const pinned = locked(own);
        const present = pinned === undefined ? await presentToolchain() : undefined;
        const kind = pinned ?? present?.kind ?? locked(lock);
        const entry = kind && lock.get(lockKey(platform, kind));
        // Prefer the lock's digest to that of this engine's image: it is the same on every machine.
        if (kind && entry) return { kind, digest: entry.toolchain, from: 'as locked' };
        return (
          present && {
            kind: present.kind,
            digest: present.buildImage.digest,
            from: 'its image is in the engine',
          }
        );
      }

      /** Looks only for images that exist: a plan pulls, builds and bootstraps nothing. */
      async function presentToolchain(): Promise<Toolchain | undefined> {
        try {
          const engine = await findEngine({ env: io.env, homeDir: io.homeDir, signal: io.signal });
          const parts = { engine, platform, store, reporter };
          const inspecting = { engine, stateDir: store.stateDir, labels: ownerLabels(), signal: io.signal };
          const choice = await toolchainOptions(io, { ...args, offline: true }, parts);
          return (await prepareToolchain(choice, inspecting)).toolchain;
        } catch (error) {
          if (!(error instanceof LayersmithError)) throw error;
          return undefined;
        }
      }
    },
  });
}

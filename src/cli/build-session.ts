import { randomBytes } from 'node:crypto';
import { IntegrityError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { ownerLabels } from '../engine/owned-containers.js';
import type { BuildContext, BuildServices } from '../pipeline/build/build-context.js';
import { loadAbiProfiles } from '../platform/abi-profile.js';
import type { Architecture, Platform } from '../platform/platform.js';
import type { RecipeLibrary } from '../recipe/recipe-library.js';
import { createSharedProvider } from '../source/shared-provider.js';
import type { Store } from '../store/store.js';
import { chooseRuntimeImage } from '../toolchain/choose-toolchain.js';
import { prepareToolchain } from '../toolchain/describe-toolchain.js';
import { packagesOf } from '../toolchain/image-packages.js';
import { machineOf } from '../engine/machine.js';
import { checkLock, isLocked } from '../toolchain/lock-file.js';
import type { Toolchain, ToolchainKind } from '../toolchain/toolchain.js';
import type { Io } from './io.js';
import {
  checkSources,
  fetcherFor,
  openEngine,
  openStoreFor,
  platformFolders,
  platformFor,
  type FetcherArgs,
} from './session.js';
import { layeredFor, openSharedStore, type SharedStoreArgs } from './shared-session.js';
import { stageLimits } from './stage-limits.js';
import { announce, openLock, toolchainOptions } from './toolchain-session.js';

/** Flags of a command that builds. */
export interface BuildArgs extends FetcherArgs, SharedStoreArgs {
  readonly recipes: readonly string[];
  readonly store: string | undefined;
  readonly platform: string;
  readonly arch: Architecture;
  readonly toolchain: ToolchainKind | undefined;
  readonly registry: string | undefined;
  readonly jobs: number | undefined;
  readonly memory: number | undefined;
  readonly keepContainer: boolean;
  /** How long a stage may run: `90m`. */
  readonly stageTimeout?: string | undefined;
  /** The address of the engine that tests the layer. */
  readonly testEngine?: string | undefined;
  /** Refuse a toolchain that differs from the lock file's. */
  readonly locked?: boolean;
}

/** Opens everything that compiling or testing needs, the checks that fail fastest first. */
export async function openBuild(
  io: Io,
  args: BuildArgs,
  { library, reporter }: { readonly library: RecipeLibrary; readonly reporter: Reporter },
): Promise<BuildContext> {
  await checkSources(io, args.sources);
  const platform = await platformFor(io, args);
  const { jobs, memory, stageTimeoutMs } = stageLimits(args);
  const folder = await openStoreFor(io, args.store, reporter);
  const shared = await openSharedStore(io, args, { tmpDir: folder.tmpDir, reporter });
  const store = layeredFor(io, args, { folder, shared, reporter });
  const engine = await openEngine(io, { reporter });
  const { testEngine } = args;
  const tester = testEngine === undefined ? undefined : await openEngine(io, { reporter, testEngine });
  const labels = ownerLabels();
  const options = { engine, stateDir: store.stateDir, labels, signal: io.signal };
  const { toolchain, packages: toolchainPackages } = await prepareToolchain(
    await toolchainOptions(io, args, { engine, platform, store, reporter }),
    options,
  );
  announce(toolchain, platform, reporter);
  const lock = await openLock(io);
  const info = await engine.info(io.signal);
  const machine = machineOf(info);
  const difference = await checkLock(lock, {
    ...{ platform, machine, toolchain, locked: args.locked === true },
    packagesOf: (image) => packagesOf(image, options),
  });
  // Warn only about the user's own lock.
  const isOwn = isLocked(lock.own, { kind: toolchain.kind, platform, machine });
  if (difference !== undefined) (isOwn ? reporter.warn : reporter.info)(difference);
  const sharedJobs = jobs ?? info.cpus;
  return {
    engine,
    testing:
      tester === undefined
        ? {
            ...{ engine, machine, runtimeImage: toolchain.runtimeImage },
            shellImage: () => Promise.resolve(toolchain.buildImage.id),
          }
        : await testingOn(tester, io, args, { platform, store, reporter, toolchain }),
    store,
    sharing: args.share === true && shared !== undefined ? { shared: shared.tolerant, folder } : undefined,
    library,
    packageRoot: io.packageRoot,
    platform,
    abiProfiles: await loadAbiProfiles(await platformFolders(io), platform.architecture),
    toolchain,
    toolchainPackages,
    fetcher: fetcherFor(io, args, {
      store,
      report: reporter.info,
      mirrors: shared === undefined ? [] : [createSharedProvider(shared.tolerant, reporter.warn)],
    }),
    reporter,
    jobs: sharedJobs,
    stageTimeoutMs,
    memoryBytes: memory === undefined ? fairMemory(info.memoryBytes, sharedJobs) : memory * 1024 ** 2,
    variation: undefined,
    keepContainer: args.keepContainer,
    runName: `${new Date(io.now()).toISOString().replace(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}`,
    labels,
    now: io.now,
    signal: io.signal,
  };
}

/**
 * Prepares the runtime image in the engine that tests. Throws IntegrityError if it is not the one of the toolchain, which
 * the layer's record names.
 */
async function testingOn(
  engine: ContainerEngine,
  io: Io,
  args: BuildArgs,
  parts: {
    readonly platform: Platform;
    readonly store: Store;
    readonly reporter: Reporter;
    readonly toolchain: Toolchain;
  },
): Promise<BuildServices['testing']> {
  const { kind, runtimeImage: expected } = parts.toolchain;
  const options = await toolchainOptions(io, { ...args, toolchain: kind }, { ...parts, engine });
  const { runtimeImage, buildImage } = await chooseRuntimeImage({
    ...options,
    namesRegistry: args.registry !== undefined,
  });
  if (runtimeImage.digest !== expected.digest) {
    throw new IntegrityError(`--test-engine: ${engine.endpoint} has another runtime image`, {
      details: { expected: expected.digest, actual: runtimeImage.digest },
      hint: 'Remove its image with `DOCKER_HOST=ADDRESS layersmith clean --images`, and run again.',
    });
  }
  parts.reporter.info(`tests run on ${engine.endpoint}`);
  const { machine } = options;
  return { engine, machine, runtimeImage, shellImage: async () => (await buildImage()).id };
}

/** Divides the memory between the stages, at most eight at once, and reserves a fifth for the machine. */
function fairMemory(total: number, jobs: number): number {
  const least = 1024 ** 3;
  return Math.max(least, Math.floor((total * 0.8) / Math.min(jobs, 8)));
}

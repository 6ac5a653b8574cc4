import { UsageError } from '../core/errors.js';
import { findManifest } from '../layer/find-manifest.js';
import { ownerLabels } from '../engine/owned-containers.js';
import type { Reporter } from '../core/reporter.js';
import type { Architecture } from '../platform/platform.js';
import { checkForeignImage } from '../sandbox/foreign-image.js';
import type { RunContext } from '../sandbox/run-context.js';
import { chooseRuntimeImage } from '../toolchain/choose-toolchain.js';
import { checkLockedRuntime } from '../toolchain/lock-file.js';
import type { Io } from './io.js';
import type { BuildArgs } from './build-session.js';
import { openEngine, openStoreFor, platformFor } from './session.js';
import { announce, openLock, toolchainOptions } from './toolchain-session.js';

/** Flags of a command that runs something on a layer. */
export interface RunArgs extends Pick<
  BuildArgs,
  'store' | 'offline' | 'toolchain' | 'registry' | 'platform' | 'arch' | 'testEngine'
> {
  /** Refuse a runtime image that differs from the lock file's. */
  readonly locked?: boolean;
}

/** Opens what running programs and functions on a layer needs: an engine and the runtime image, but no toolchain. */
export async function openRun(io: Io, args: RunArgs, reporter: Reporter): Promise<RunContext> {
  const platform = await platformFor(io, args);
  const store = await openStoreFor(io, args.store, reporter);
  const engine = await openEngine(io, { reporter, testEngine: args.testEngine });
  const options = await toolchainOptions(io, args, { engine, platform, store, reporter });
  const chosen = await chooseRuntimeImage({
    ...options,
    namesRegistry: args.registry !== undefined,
  });
  announce(chosen, platform, reporter);
  if (args.locked === true)
    checkLockedRuntime(await openLock(io), { platform, machine: options.machine, chosen });
  const context: RunContext = {
    engine,
    machine: options.machine,
    packageRoot: io.packageRoot,
    platform,
    runtimeImage: chosen.runtimeImage,
    shellImage: async () => (await chosen.buildImage()).id,
    store,
    reporter,
    labels: ownerLabels(),
    now: io.now,
    signal: io.signal,
  };
  await checkForeignImage(context);
  return context;
}

/**
 * Returns the platform on which layers run: from the flags, else from the first layer with a manifest, else the default. Throws
 * UsageError for a layer whose manifest names another architecture.
 */
export async function platformOfLayers(
  layers: readonly string[],
  args: { readonly platform: string | undefined; readonly arch: Architecture | undefined },
): Promise<{ readonly platform: string; readonly arch: Architecture }> {
  let { platform, arch } = args;
  for (const layer of layers) {
    const manifest = await findManifest(layer);
    if (manifest === undefined) continue;
    platform ??= manifest.platform;
    arch ??= manifest.architecture;
    if (manifest.architecture === arch) continue;
    throw new UsageError(`the layer ${layer} is for ${manifest.architecture}, not for ${arch}`, {
      hint:
        args.arch === undefined
          ? 'Name layers of one architecture.'
          : `Leave out --arch, or name a layer for ${arch}.`,
    });
  }
  return { platform: platform ?? 'provided.al2023', arch: arch ?? 'x86_64' };
}

import type { Reporter } from '../core/reporter.js';
import { layerInputKey } from '../pipeline/build/layer-key.js';
import { resolvePlan, type ResolvedPlan } from '../pipeline/build/resolve-plan.js';
import type { PlannedLayer } from '../pipeline/build/planned-layer.js';
import { loadAbiProfiles } from '../platform/abi-profile.js';
import type { Platform } from '../platform/platform.js';
import type { RecipeLibrary } from '../recipe/recipe-library.js';
import type { Store } from '../store/store.js';
import type { TolerantStore } from '../store/tolerant-store.js';
import type { ToolchainKind } from '../toolchain/toolchain.js';
import type { Io } from './io.js';
import type { TargetedLayer } from './planned-layers.js';
import { plannedToolchain, presentToolchain, type PlannedToolchain } from './planned-toolchain.js';
import { platformFolders, platformFor } from './session.js';
import type { SharedStoreArgs } from './shared-session.js';
import { machineFor } from './toolchain-session.js';

/** Reports whether a layer, built and tested for its platform and architecture, is in a shared store. Builds, pulls and fetches nothing. */
export type IsBuilt = (target: TargetedLayer) => Promise<boolean>;

/** Flags that decide the keys of layers. */
interface KeyArgs extends SharedStoreArgs {
  readonly toolchain: ToolchainKind | undefined;
  readonly registry: string | undefined;
}

/**
 * Returns a function that looks for finished layers in a shared store, as a machine of the layer's architecture builds them: the embedded
 * toolchain, and so the key, depends on the machine.
 */
export function builtLayers(
  io: Io,
  args: KeyArgs,
  parts: {
    readonly library: RecipeLibrary;
    readonly store: Store;
    readonly shared: TolerantStore;
    readonly reporter: Reporter;
  },
): IsBuilt {
  const { library, store, shared, reporter } = parts;
  return async ({ layer, platform: name, arch }) => {
    const { registry } = args;
    const platform = await platformFor(io, { platform: name, arch, registry });
    const toolchain = await plannedToolchain(io, args.toolchain, {
      machine: arch,
      platform,
      present: async () =>
        (await machineFor(io)) === arch
          ? presentToolchain(io, args, { platform, store, reporter })
          : undefined,
    });
    if (toolchain === undefined) return false;
    const resolved = await resolvePlan(layer.plan, {
      platform,
      toolchainDigest: toolchain.digest,
      protocolPath: library.protocolPath,
    });
    return isLayerShared(io, { layer, resolved, platform, toolchain, shared });
  };
}

/** Reports whether a finished layer is in a shared store. False if its key cannot be computed without an engine. */
export async function isLayerShared(
  io: Io,
  options: {
    readonly layer: PlannedLayer;
    readonly resolved: ResolvedPlan;
    readonly platform: Platform;
    readonly toolchain: PlannedToolchain;
    readonly shared: TolerantStore;
  },
): Promise<boolean> {
  const { layer, resolved, platform, toolchain, shared } = options;
  const { kind, digest, runtimeDigest } = toolchain;
  if (runtimeDigest === undefined) return false;
  const key = await layerInputKey(resolved, {
    layer,
    target: {
      packageRoot: io.packageRoot,
      platform,
      abiProfiles: await loadAbiProfiles(await platformFolders(io), platform.architecture),
      toolchain: { kind, buildImage: { digest }, runtimeImage: { digest: runtimeDigest } },
    },
  });
  return (await shared.find('layers', key, io.signal)) !== undefined;
}

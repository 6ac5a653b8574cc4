import type { Reporter } from '../../core/reporter.js';
import type { ContainerEngine } from '../../engine/container-engine.js';
import type { AbiProfile } from '../../platform/abi-profile.js';
import type { Platform } from '../../platform/platform.js';
import type { RunContext } from '../../sandbox/run-context.js';
import type { RecipeLibrary } from '../../recipe/recipe-library.js';
import type { SourceFetcher } from '../../source/source-fetcher.js';
import type { Variation } from '../../stage/variation.js';
import type { Store } from '../../store/store.js';
import type { Package } from '../../toolchain/image-packages.js';
import type { Toolchain } from '../../toolchain/toolchain.js';

/** Settings and services that the stages of one run share. */
export interface BuildContext {
  readonly engine: ContainerEngine;
  readonly store: Store;
  readonly library: RecipeLibrary;
  /** The installation folder of layersmith: its recipes, platforms, runtimes and package-lock.json. */
  readonly packageRoot: string;
  readonly platform: Platform;
  /** The profiles of all platforms for the architecture, oldest first. */
  readonly abiProfiles: readonly AbiProfile[];
  readonly toolchain: Toolchain;
  /** The packages installed in the toolchain image. */
  readonly toolchainPackages: readonly Package[];
  readonly fetcher: SourceFetcher;
  readonly reporter: Reporter;
  /** Number of make jobs, shared between stages that run at once. Also the maximum number of such stages. */
  readonly jobs: number;
  /** Memory limit of each stage container. */
  readonly memoryBytes: number;
  /** Time limit of each stage. */
  readonly stageTimeoutMs: number;
  /** Undefined for a build under the usual conditions. */
  readonly variation: Variation | undefined;
  readonly keepContainer: boolean;
  /** Names the folder of this run's logs. */
  readonly runName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Returns the part of a build's context that running programs and functions needs. */
export function runContextOf(build: BuildContext): RunContext {
  const { engine, packageRoot, platform, toolchain, store, reporter, labels, now, signal } = build;
  return {
    ...{ engine, packageRoot, platform, store, reporter, labels, now, signal },
    runtimeImage: toolchain.runtimeImage,
    shellImage: () => Promise.resolve(toolchain.buildImage.id),
  };
}

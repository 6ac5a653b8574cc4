import type { Reporter } from '../../core/reporter.js';
import type { ContainerEngine } from '../../engine/container-engine.js';
import type { AbiProfile } from '../../platform/abi-profile.js';
import type { Platform } from '../../platform/platform.js';
import type { RunContext } from '../../sandbox/run-context.js';
import type { RecipeLibrary } from '../../recipe/recipe-library.js';
import type { SourceFetcher } from '../../source/source-fetcher.js';
import type { Variation } from '../../stage/variation.js';
import type { Store } from '../../store/store.js';
import type { TolerantStore } from '../../store/tolerant-store.js';
import type { Package } from '../../toolchain/image-packages.js';
import type { Toolchain } from '../../toolchain/toolchain.js';

/** What decides the bytes of a layer, besides its plan. */
export interface BuildTarget {
  readonly library: RecipeLibrary;
  /** The installation folder of layersmith: its recipes, platforms, runtimes and package-lock.json. */
  readonly packageRoot: string;
  readonly platform: Platform;
  /** The profiles of all platforms for the architecture, oldest first. */
  readonly abiProfiles: readonly AbiProfile[];
  readonly toolchain: Toolchain;
  /** The packages installed in the toolchain image. */
  readonly toolchainPackages: readonly Package[];
}

/** How stages run. Nothing here may change their bytes. */
export interface StageSettings {
  /** Number of make jobs, shared between stages that run at once. Also the maximum number of such stages. */
  readonly jobs: number;
  /** Memory limit of each stage container. */
  readonly memoryBytes: number;
  /** Time limit of each stage. */
  readonly stageTimeoutMs: number;
  /** Undefined for a build under the usual conditions. */
  readonly variation: Variation | undefined;
  readonly keepContainer: boolean;
}

/** Puts what a run makes into a shared store. */
export interface Sharing {
  readonly shared: TolerantStore;
  /** The folder alone. */
  readonly folder: Store;
}

/** The services of one run. */
export interface BuildServices {
  /** The engine that compiles. */
  readonly engine: ContainerEngine;
  /** Where layers are tested. */
  readonly testing: Pick<RunContext, 'engine' | 'machine' | 'runtimeImage' | 'shellImage'>;
  /** What a shared store has is found here too. */
  readonly store: Store;
  /** Where what is built is put for other machines. Undefined unless the user asks for it. */
  readonly sharing: Sharing | undefined;
  readonly fetcher: SourceFetcher;
  readonly reporter: Reporter;
  /** Names the folder of this run's logs. */
  readonly runName: string;
  /** The labels of every container. */
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Everything that compiling, assembling and testing a layer needs. A function that needs one part takes that part. */
export interface BuildContext extends BuildTarget, StageSettings, BuildServices {}

/** Returns the part of a build's context that running programs and functions needs. */
export function runContextOf(build: BuildTarget & BuildServices): RunContext {
  const { testing, packageRoot, platform, store, reporter, labels, now, signal } = build;
  return { ...testing, packageRoot, platform, store, reporter, labels, now, signal };
}

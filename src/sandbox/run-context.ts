import type { Reporter } from '../core/reporter.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { Architecture, Platform } from '../platform/platform.js';
import type { Store } from '../store/store.js';

/** What is needed to run a program or a function on a layer: no compilers, recipes or sources. */
export interface RunContext {
  readonly engine: ContainerEngine;
  /** The architecture of the engine's machine, which may not be the platform's. */
  readonly machine: Architecture;
  /** The root folder of the layersmith package, which contains the programs of the runtimes. */
  readonly packageRoot: string;
  readonly platform: Platform;
  /** The image that programs and functions run in. */
  readonly runtimeImage: { readonly id: string; readonly digest: string };
  /** The id of an image that has a shell, which the runtime image may lack. Called only for programs that need one. */
  readonly shellImage: () => Promise<string>;
  /** Temporary files, and the duration of earlier runs. */
  readonly store: Pick<Store, 'tmpDir' | 'lastSeconds' | 'rememberSeconds'>;
  readonly reporter: Reporter;
  /** The labels of every container. */
  readonly labels: Readonly<Record<string, string>>;
  /** Returns the current time in milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

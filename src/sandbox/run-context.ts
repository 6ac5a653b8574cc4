import type { Reporter } from '../core/reporter.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { Platform } from '../platform/platform.js';
import type { Store } from '../store/store.js';

/** What running a program or a function on a layer needs: no compilers, no recipes and no sources. */
export interface RunContext {
  readonly engine: ContainerEngine;
  /** The folder of layersmith itself, which has the runtimes' programs. */
  readonly packageRoot: string;
  readonly platform: Platform;
  /** The image that programs and functions run in. */
  readonly runtimeImage: { readonly id: string; readonly digest: string };
  /** The id of an image that has a shell, which the runtime image may lack. Called only for programs that need one. */
  readonly shellImage: () => Promise<string>;
  /** Scratch space, and how long things took last time. */
  readonly store: Pick<Store, 'tmpDir' | 'lastSeconds' | 'rememberSeconds'>;
  readonly reporter: Reporter;
  /** Every container carries them. */
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

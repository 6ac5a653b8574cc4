import type { Reporter } from '../../core/reporter.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import type { ScratchPlace } from '../../tree/tree.js';
import type { Manifest } from '../../layer/manifest.js';
import type { BundleKind, Runtime } from '../../runtime/runtime.js';
import type { AbiProfile } from '../../platform/abi-profile.js';
import type { RunContext } from '../../sandbox/run-context.js';

export interface BundleRequest extends ScratchPlace {
  readonly kind: BundleKind;
  /** Of a function what is to be at `/var/task`, of a vendor layer the Composer project. */
  readonly folder: string;
  /** The zip to be written. */
  readonly output: string;
  readonly precompile: boolean;
  readonly composer?: { readonly phar: string; readonly hasNetwork: boolean };
  /** The layer that it is for, and what running something on it needs; without it nothing is run. */
  readonly runtime?: {
    readonly path: string;
    readonly manifest: Manifest;
    readonly runtime: Runtime;
    /** Of all platforms, the oldest first, for the layer's architecture: a vendor layer is audited too. */
    readonly abiProfiles: readonly AbiProfile[];
    readonly context: RunContext;
  };
  readonly reporter: Reporter;
}

/** A runtime layer that packages are made for. */
export interface RuntimeLayer {
  readonly tree: readonly TreeEntry[];
  readonly manifest: Manifest;
  readonly runtime: Runtime;
}

/** That layer, and what running something on it needs. */
export interface BundleRuntime {
  readonly layer: RuntimeLayer;
  readonly abiProfiles: readonly AbiProfile[];
  readonly context: RunContext;
}

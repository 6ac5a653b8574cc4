import type { Reporter } from '../../core/reporter.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import type { ScratchPlace } from '../../tree/tree.js';
import type { Manifest } from '../../layer/manifest.js';
import type { BundleKind, Runtime } from '../../runtime/runtime.js';
import type { AbiProfile } from '../../platform/abi-profile.js';
import type { RunContext } from '../../sandbox/run-context.js';

/** Input of `writeBundle`. */
export interface BundleRequest extends ScratchPlace {
  readonly kind: BundleKind;
  /** The folder to pack: the content of `/var/task` for a function, the Composer project for a vendor layer. */
  readonly folder: string;
  /** Path of the zip to write. */
  readonly output: string;
  readonly precompile: boolean;
  readonly composer?: { readonly phar: string; readonly hasNetwork: boolean };
  /** The runtime layer and a context to run programs on it. Without it nothing is run. */
  readonly runtime?: {
    readonly path: string;
    readonly manifest: Manifest;
    readonly runtime: Runtime;
    /** The profiles of all platforms for the layer's architecture, oldest first. A vendor layer is audited too. */
    readonly abiProfiles: readonly AbiProfile[];
    readonly context: RunContext;
  };
  readonly reporter: Reporter;
}

/** A runtime layer for which packages are made. */
export interface RuntimeLayer {
  readonly tree: readonly TreeEntry[];
  readonly manifest: Manifest;
  readonly runtime: Runtime;
}

/** A runtime layer, and a context to run programs on it. */
export interface BundleRuntime {
  readonly layer: RuntimeLayer;
  readonly abiProfiles: readonly AbiProfile[];
  readonly context: RunContext;
}

import type { Reporter } from '../../core/reporter.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import type { ScratchPlace } from '../../tree/tree.js';
import type { Manifest } from '../../layer/manifest.js';
import type { PackageKind, Runtime } from '../../runtime/runtime.js';
import type { BuildContext } from '../build/build-context.js';

export interface PackageRequest extends ScratchPlace {
  readonly kind: PackageKind;
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
    readonly context: BuildContext;
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
export interface PackageRuntime {
  readonly layer: RuntimeLayer;
  readonly context: BuildContext;
}

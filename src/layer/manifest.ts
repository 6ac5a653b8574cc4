import type { Sha256 } from '../core/digest.js';

/** The record of what went into a layer and what came out, written beside the zip. */
export interface Manifest {
  readonly layer: { readonly file: string; readonly sha256: Sha256; readonly sizeBytes: number };
  readonly recipe: string;
  readonly version: string;
  readonly platform: string;
  readonly architecture: string;
  readonly toolchain: {
    readonly kind: string;
    readonly reason: string;
    readonly toolchainDigest: string;
    readonly runtimeDigest: string;
  };
  readonly smokeTests: { readonly programs: number; readonly invocations: number };
  readonly stages: readonly {
    readonly recipe: string;
    readonly version: string;
    readonly licence: string;
    readonly endOfLife: string | undefined;
    readonly key: Sha256;
    readonly sources: readonly { readonly name: string; readonly file: string; readonly sha256: Sha256 }[];
  }[];
}

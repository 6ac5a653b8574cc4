import type { Source } from './source.js';

/** Where something stands in a file; line and column are 1-based. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A package that must be built first. Without a line, the plan's root or the package's default decides. */
export interface Need {
  readonly package: string;
  readonly line: string | undefined;
  readonly position: Position;
}

export type Kind = 'library' | 'interpreter' | 'tool';

/** What of an interpreter's artifact goes into the layer. */
export interface LayerSpec {
  /** The name of the runtime, which decides the bootstrap: `php`. Whether there is one is known to `runtime/` alone. */
  readonly interpreter: string;
  /** Where the recipe names it. */
  readonly position: Position;
  /** Paths below `/opt` in the artifact. */
  readonly files: readonly string[];
}

/** A program that must exit with 0 and print each of the texts. */
export interface SmokeProgram {
  readonly name: string;
  readonly run: readonly [string, ...string[]];
  readonly stdout: readonly string[];
}

/** Real invocations of a handler, with the answer that each must give. */
export interface SmokeInvocation {
  readonly name: string;
  readonly handler: string;
  /** Any JSON value. */
  readonly event: unknown;
  readonly times: number;
  readonly expected:
    | { readonly kind: 'text'; readonly body: string }
    | { readonly kind: 'json'; readonly value: unknown }
    | { readonly kind: 'error'; readonly errorType: string; readonly errorMessage: string };
}

export interface SmokeSpec {
  readonly programs: readonly SmokeProgram[];
  readonly invocations: readonly SmokeInvocation[];
}

/** How a package is built at one pinned version: one line's file together with its package's. */
export interface Recipe {
  /** `php`. */
  readonly package: string;
  /** `8.4`: the name of the line's file. */
  readonly line: string;
  /** `php/8.4`. */
  readonly name: string;
  readonly kind: Kind;
  readonly summary: string;
  readonly homepage: string | undefined;
  /** SPDX expression. */
  readonly license: string;
  /** `vendor:product` in the CPE dictionary, by which advisories name the package. */
  readonly cpe: string | undefined;
  readonly version: string;
  /** `2028-12-31`: the last day on which upstream supports the line; undefined when there is no such day. */
  readonly endOfLife: string | undefined;
  readonly needs: readonly Need[];
  readonly options: Readonly<Record<string, string>>;
  readonly sources: readonly Source[];
  /** Only interpreters have them. */
  readonly layer: LayerSpec | undefined;
  readonly smoke: SmokeSpec | undefined;
  /**
   * The files of the package's folder that a build of this line can see, by their path in the folder:
   * `build.sh`, patches of this version, and whatever else is neither YAML, `smoke/` nor `layer/`.
   */
  readonly buildFiles: ReadonlyMap<string, string>;
  /** The files below `smoke/`, and the line's own below `LINE/smoke/` (put at `/var/task` for smoke tests), by their path there. */
  readonly smokeFiles: ReadonlyMap<string, string>;
  /** The files below `layer/`, and the line's own below `LINE/layer/` (added to the layer tree), by their path below `/opt`. */
  readonly layerFiles: ReadonlyMap<string, string>;
  /** The line's file, for messages. */
  readonly path: string;
}

import type { Source } from './source.js';

/** A place in a file; line and column are 1-based. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A package that must be built first. Without a line, the plan's root or the package's default determines it. */
export interface Need {
  readonly package: string;
  readonly line: string | undefined;
  readonly position: Position;
}

/** What a package is: an interpreter becomes a layer, a library is linked into others, a tool runs during builds. */
export type Kind = 'library' | 'interpreter' | 'tool';

/** The part of an interpreter's artifact that goes into the layer. */
export interface LayerSpec {
  /** The name of the runtime, which selects the bootstrap: `php`. Only `runtime/` knows which ones exist. */
  readonly interpreter: string;
  /** The place of `interpreter` in the recipe. */
  readonly position: Position;
  /** Paths below `/opt` in the artifact. */
  readonly files: readonly string[];
}

/** A smoke test: a program that must exit with 0 and print each of the texts. */
export interface SmokeProgram {
  readonly name: string;
  readonly run: readonly [string, ...string[]];
  readonly stdout: readonly string[];
}

/** A smoke test: invocations of a handler, each of which must return the expected answer. */
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

/** The smoke tests of a layer. */
export interface SmokeSpec {
  readonly programs: readonly SmokeProgram[];
  readonly invocations: readonly SmokeInvocation[];
}

/** A copy of another project in a package's sources, which is compiled into the package. */
export interface Bundle {
  /** The other project's name: `pcre2`. */
  readonly name: string;
  /** Undefined if the sources do not contain it. */
  readonly version: string | undefined;
  /** An SPDX expression. */
  readonly license: string;
  readonly homepage: string | undefined;
  /** `vendor:product` in the CPE dictionary. */
  readonly cpe: string | undefined;
  /** Paths in the tree of the package's first source. The first one that exists shows that the copy is there. */
  readonly from: readonly string[];
  /** A regular expression that finds the version in that file: its groups, joined by dots. */
  readonly pattern: string | undefined;
}

/** How to build a package at one pinned version: the merged content of LINE.yaml and package.yaml. */
export interface Recipe {
  /** `php`. */
  readonly package: string;
  /** `8.4`: the name of LINE.yaml. */
  readonly line: string;
  /** `php/8.4`. */
  readonly name: string;
  readonly kind: Kind;
  readonly summary: string;
  readonly homepage: string | undefined;
  /** An SPDX expression. */
  readonly license: string;
  /** `vendor:product` in the CPE dictionary, which identifies the package in advisories. */
  readonly cpe: string | undefined;
  readonly version: string;
  /** `2028-12-31`: the last day on which upstream supports the line; undefined if upstream names none. */
  readonly endOfLife: string | undefined;
  readonly needs: readonly Need[];
  readonly options: Readonly<Record<string, string>>;
  readonly sources: readonly Source[];
  /** In the order of LINE.yaml. */
  readonly bundles: readonly Bundle[];
  /** `layer` and `smoke` are always defined for interpreters. */
  readonly layer: LayerSpec | undefined;
  readonly smoke: SmokeSpec | undefined;
  /**
   * The files of the package's folder that are available to a build of this line, by their path in the folder:
   * `build.sh`, patches for this version, and all other files except YAML, `smoke/` and `layer/`.
   */
  readonly buildFiles: ReadonlyMap<string, string>;
  /** The files below `smoke/` and `LINE/smoke/`, by their path below `/var/task` in smoke tests. */
  readonly smokeFiles: ReadonlyMap<string, string>;
  /** The files below `layer/` and `LINE/layer/`, which are added to the layer, by their path below `/opt`. */
  readonly layerFiles: ReadonlyMap<string, string>;
  /** The path of LINE.yaml, for messages. */
  readonly path: string;
}

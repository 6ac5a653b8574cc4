import type { LayerMode } from '../core/layer-mode.js';
import type { Start } from './recipe-schema.js';
import type { Release } from './release.js';
import type { Source, SourcePatch } from './source.js';

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

/**
 * What a package is: an interpreter becomes a layer, an extension is a module that an interpreter loads, a library is linked
 * into others, a tool runs during builds.
 */
export type Kind = 'library' | 'extension' | 'interpreter' | 'tool';

/** Versions from one, inclusive, up to another, exclusive. */
export interface VersionRange {
  readonly from: string | undefined;
  readonly before: string | undefined;
}

/** How an interpreter loads an extension. */
export interface ExtensionSpec {
  /** The package of its interpreter: `php`. */
  readonly of: string;
  /** From 10 to 89. Extensions with lower numbers are loaded first. */
  readonly order: number;
  /** `zend_extension` if PHP loads it as an extension of its engine. Undefined if it is not a module that is loaded. */
  readonly directive: 'extension' | 'zend_extension' | undefined;
  /** Settings that the layer makes for it. */
  readonly ini: Readonly<Record<string, string>>;
  /** Packages of extensions that cannot be in the same layer. */
  readonly conflicts: readonly string[];
  /** Extensions whose functions it calls. If they are not in the layer, they have to be compiled into the interpreter. */
  readonly requires: readonly string[];
  /** The versions of the interpreter that it works with. */
  readonly supports: VersionRange;
  /** The files of its artifact that go into the layer: paths below `/opt`. */
  readonly files: readonly string[];
  /** The ways to start that its program can be built for; the first is the default. Empty where there is no choice. */
  readonly starts: readonly Start[];
  /** The place of `extension` in the recipe. */
  readonly position: Position;
}

/** The part of an interpreter's artifact that goes into the layer. */
export interface LayerSpec {
  /** The name of the runtime, which selects the bootstrap: `php`. Only `runtime/` knows which ones exist. */
  readonly interpreter: string;
  /** The place of `interpreter` in the recipe. */
  readonly position: Position;
  /** Paths below `/opt` in the artifact. */
  readonly files: readonly string[];
  /** Extensions that every layer has, whatever its user chooses: their stages make parts of the interpreter itself. */
  readonly parts: readonly string[];
  /** The extensions that are compiled into the interpreter, by the names under which others are chosen. */
  readonly extensions: readonly string[];
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
  readonly mode: LayerMode;
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
  /** `minimal`: the variant of the line. Undefined for the line itself. */
  readonly variant: string | undefined;
  /** `php/8.4`, or `php/8.4-minimal`. */
  readonly name: string;
  readonly kind: Kind;
  readonly summary: string;
  readonly homepage: string | undefined;
  /** An SPDX expression. */
  readonly license: string;
  /** `vendor:product` in the CPE dictionary, which identifies the package in advisories. */
  readonly cpe: string | undefined;
  /** The version of the chosen release. */
  readonly version: string;
  /** All known releases of the line, newest first. */
  readonly releases: readonly Release[];
  /** `2028-12-31`: the last day on which upstream supports the line; undefined if upstream names none. */
  readonly endOfLife: string | undefined;
  readonly needs: readonly Need[];
  /** The lines of other packages that go with this one, where a need or a choice names none: `{ icu: '67' }`. */
  readonly lines: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly sources: readonly Source[];
  /** Patches from sources other than the first, which are applied to it, in this order. */
  readonly patches: readonly SourcePatch[];
  /** In the order of LINE.yaml. */
  readonly bundles: readonly Bundle[];
  /** `layer` and `smoke` are always defined for interpreters. */
  readonly layer: LayerSpec | undefined;
  /** Always defined for extensions, and only for them. */
  readonly extension: ExtensionSpec | undefined;
  readonly smoke: SmokeSpec | undefined;
  /**
   * The files of the package's folder that are available to a build of this line, by their path in the folder:
   * `build.sh`, patches for this version, and all other files except YAML, `smoke/` and `layer/`. In a recipe with `patches`,
   * `build.sh` is the script that applies them, and the folder's own is `own/build.sh`.
   */
  readonly buildFiles: ReadonlyMap<string, string>;
  /** The files below `smoke/` and `LINE/smoke/`, by their path below `/var/task` in smoke tests. */
  readonly smokeFiles: ReadonlyMap<string, string>;
  /** The files below `layer/` and `LINE/layer/`, which are added to the layer, by their path below `/opt`. */
  readonly layerFiles: ReadonlyMap<string, string>;
  /** The path of LINE.yaml, for messages. */
  readonly path: string;
}

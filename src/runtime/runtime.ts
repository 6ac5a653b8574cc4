import type { LayerMode } from '../core/layer-mode.js';
import type { ExtensionSpec } from '../recipe/recipe.js';
import type { TreeEntry } from '../tree/tree-entry.js';

/** The results of `layersmith package`: a function, or a layer with the libraries of a project. */
export type BundleKind = 'function' | 'vendor';

/** Where Lambda unpacks a package. */
export const BUNDLE_ROOT = { function: '/var/task', vendor: '/opt' } as const;

/**
 * A language on Lambda, with everything that differs between languages. Its source files are in the folder `runtimes/NAME` of
 * layersmith's installation. `runtimeNamed` finds one.
 */
export interface Runtime {
  /** `php`: the value of a recipe's `layer.interpreter` and of a manifest's `interpreter`. */
  readonly name: string;
  /** `PHP`, for messages. */
  readonly language: string;
  /** `/opt/bin/php`: the program in the layer that runs the bootstrap. The audit checks that it exists. */
  readonly program: string;
  /** The modes that the bootstrap knows; always `function`. */
  readonly modes: readonly LayerMode[];
  /**
   * Generates the text of `/opt/bootstrap`, an executable file that uses the Runtime API and calls handlers. It depends only on
   * the source files, and on the mode in which it runs unless the function sets another. `folder` holds the folders of all
   * runtimes.
   */
  bootstrap(folder: string, mode: LayerMode): Promise<string>;
  /** The settings of a layer. Undefined if the language has none. */
  readonly settings: SettingsRules | undefined;
  /** Compiles the code of packages ahead of time. Undefined if the language does not support it. */
  readonly compiler: CodeCompiler | undefined;
  /** How the libraries of a project are packed as a layer. Undefined if `package vendor` does not support the language. */
  readonly vendor: VendorRules | undefined;
}

/** How an interpreter is told about its extensions and settings. */
export interface SettingsRules {
  /**
   * Returns the file, with its path below `/opt`, that makes the interpreter load an extension. Undefined for one that is not
   * loaded.
   */
  load(name: string, extension: ExtensionSpec): TreeEntry | undefined;
  /** Returns the file with the settings of a layer definition. It comes after those of all extensions. */
  ofLayer(ini: Readonly<Record<string, string>>): TreeEntry;
}

/** Compiles a package's code with the interpreter of its layer. */
export interface CodeCompiler {
  /** Files that `package` adds to a function, in the format of `.gitignore`. Existing ones in the folder are not packed. */
  readonly ignored: readonly string[];
  /** Returns the paths of the files to compile. */
  sources(tree: readonly TreeEntry[]): readonly string[];
  /** Returns the program that compiles the files of a package. `folder` holds the folders of all runtimes. */
  job(
    kind: BundleKind,
    options: { readonly tree: readonly TreeEntry[]; readonly folder: string },
  ): Promise<CompilerJob>;
  /** Reads the result folder of the program. Throws InternalError for unexpected content. */
  readResult(result: readonly TreeEntry[]): Promise<CompilerResult>;
  /** Returns the entries to add to a package: the compiled files, a description of the compiler, and settings. */
  entries(kind: BundleKind, code: CompiledCode): readonly TreeEntry[];
}

/** A program that runs in a container, with the layer at `/opt` and the package at its root. */
export interface CompilerJob {
  readonly command: readonly string[];
  /** Additional read-only trees, by path. */
  readonly trees: Readonly<Record<string, readonly TreeEntry[]>>;
  /** The working folder, with its input. */
  readonly work: { readonly path: string; readonly tree: readonly TreeEntry[] };
  /** The path of the result folder. */
  readonly result: string;
}

/** The result of compiling the files of a package. */
export interface CompilerResult {
  /** Identifies the build of the interpreter. */
  readonly systemId: string;
  /** The compiled files by their paths on Lambda, without the leading slash. */
  readonly files: readonly TreeEntry[];
  /** Absolute paths of the files that could not be compiled. */
  readonly missing: readonly string[];
  /** Whether the bytes are the same on every machine, as far as the compiler can tell. */
  readonly isReproducible: boolean;
}

/** Compiled files, and the layer whose interpreter compiled them. */
export interface CompiledCode extends Pick<CompilerResult, 'systemId' | 'files'> {
  /** The bytes of the layer's manifest. */
  readonly layerManifest: Uint8Array;
  /** The name of that layer for the bootstrap's message about a different one: `php/8.4 8.4.24`. */
  readonly layerName: string;
}

/** The libraries of a project, in a folder `vendor/`. */
export interface VendorRules {
  /** `autoload.php`: the file in the folder that loads the libraries. */
  readonly autoloader: string;
  /** Returns the command that loads the libraries at `/opt/vendor`. It fails if they do not work, else it creates `result`. */
  loadCommand(result: string): readonly string[];
}

import type { TreeEntry } from '../tree/tree-entry.js';

/** What `layersmith package` makes: a function, or a layer with the libraries of a project. */
export type BundleKind = 'function' | 'vendor';

/** Where Lambda unpacks a package. */
export const BUNDLE_ROOT = { function: '/var/task', vendor: '/opt' } as const;

/**
 * A language on Lambda: everything that differs between languages. Its source files are in the folder `runtimes/NAME`, which
 * `layersmith` has beside its recipes. `runtimeNamed` finds one.
 */
export interface Runtime {
  /** `php`: the value of a recipe's `layer.interpreter` and of a manifest's `interpreter`. */
  readonly name: string;
  /** `PHP`, for messages. */
  readonly language: string;
  /** `/opt/bin/php`: the program in the layer that runs the bootstrap, which the audit looks for. */
  readonly program: string;
  /**
   * Generates the text of `/opt/bootstrap`, an executable file that speaks the Runtime API and calls handlers. It depends on the
   * source files alone. `folder` holds the folders of all runtimes.
   */
  bootstrap(folder: string): Promise<string>;
  /** Compiles the code of packages ahead of time; undefined where the language has no such thing. */
  readonly compiler: CodeCompiler | undefined;
  /** How the libraries of a project are packed as a layer; undefined where `package vendor` does not know how. */
  readonly vendor: VendorRules | undefined;
}

/** Compiles a package's code with the interpreter of the layer that it is for. */
export interface CodeCompiler {
  /** Paths that `package` adds to a function, in the form of a `.gitignore`: old ones in the folder are not packed. */
  readonly ignored: readonly string[];
  /** The paths of the files that it would compile. */
  sources(tree: readonly TreeEntry[]): readonly string[];
  /** The program that compiles the files of a package. `folder` holds the folders of all runtimes. */
  job(
    kind: BundleKind,
    options: { readonly tree: readonly TreeEntry[]; readonly folder: string },
  ): Promise<CompilerJob>;
  /** Reads what the program left in its result folder. Throws InternalError for anything else. */
  readResult(result: readonly TreeEntry[]): Promise<CompilerResult>;
  /** The entries to add to a package: the compiled files, what they were compiled by, and settings. */
  entries(kind: BundleKind, code: CompiledCode): readonly TreeEntry[];
}

/** A program that runs in a container, with the layer at `/opt` and the package at its root. */
export interface CompilerJob {
  readonly command: readonly string[];
  /** Read-only trees that it needs beside these, by path. */
  readonly trees: Readonly<Record<string, readonly TreeEntry[]>>;
  /** The folder that it works in, with its input. */
  readonly work: { readonly path: string; readonly tree: readonly TreeEntry[] };
  /** The folder that it leaves its result in. */
  readonly result: string;
}

/** What a compiler made of the files of a package. */
export interface CompilerResult {
  /** Names the build of the interpreter. */
  readonly systemId: string;
  /** By their paths on Lambda, without the slash before. */
  readonly files: readonly TreeEntry[];
  /** Absolute paths of the files that it could not compile. */
  readonly missing: readonly string[];
  /** Whether the bytes are the same on every machine, as far as the compiler can know. */
  readonly isReproducible: boolean;
}

/** Compiled files, and the layer whose interpreter compiled them. */
export interface CompiledCode extends Pick<CompilerResult, 'systemId' | 'files'> {
  /** The bytes of the layer's manifest. */
  readonly layerManifest: Uint8Array;
  /** What the bootstrap calls that layer when another one is there: `php/8.4 8.4.24`. */
  readonly layerName: string;
}

/** The libraries of a project, in a folder `vendor/`. */
export interface VendorRules {
  /** `autoload.php`: the file in the folder that loads the libraries. */
  readonly autoloader: string;
  /** Loads the libraries at `/opt/vendor`: fails where they do not work with the layer. Leaves the folder `result`. */
  loadCommand(result: string): readonly string[];
}

import { sha256 } from '../../core/digest.js';
import { SOURCE_DATE_EPOCH } from '../../core/source-date-epoch.js';
import { fileEntry, type TreeEntry } from '../../tree/tree-entry.js';
import { compilerScript } from './compiler.js';

/** A package is what goes to Lambda beside the interpreter's layer. */
export type PackageKind = 'function' | 'vendor';

/** Where Lambda unpacks a package. */
export const PACKAGE_ROOT = { function: '/var/task', vendor: '/opt' } as const;
/** Where a package has its compiled code, below its root: the bootstrap looks there. */
export const COMPILED_FOLDER = {
  function: '.layersmith/opcache',
  vendor: 'share/layersmith/opcache',
} as const;
/** Where PHP reads the settings that turn it on (the scan folders of recipes/php/build.sh), below the package's root. */
export const COMPILED_INI = {
  function: 'php/conf.d/layersmith-opcache.ini',
  vendor: 'etc/php/conf.d/layersmith-opcache.ini',
} as const;

/** The folder that the compiler works in, and the one in it that it leaves. */
export const WORK_FOLDER = '/tmp/work';
export const RESULT_FOLDER = `${WORK_FOLDER}/result`;
export const COMPILER_FOLDER = '/var/layersmith';

/** The program that compiles: PHP's own, told to use a cache in a folder that we take out. */
export const COMPILER = fileEntry('compile.php', compilerScript());

/** What the compiler needs to know, in `WORK_FOLDER/files.json`: the files at the paths that they will have on Lambda. */
export function compilerInput(kind: PackageKind, tree: readonly TreeEntry[]): TreeEntry {
  return fileEntry(
    'files.json',
    JSON.stringify(phpFiles(tree).map((path) => `${PACKAGE_ROOT[kind]}/${path}`)),
  );
}

/** The paths of what PHP compiles: files that end in `.php`. */
export function phpFiles(tree: readonly TreeEntry[]): readonly string[] {
  return tree.filter(({ path, type }) => type === 'file' && path.endsWith('.php')).map(({ path }) => path);
}

export interface CompiledCode {
  /** As PHP names its build: a name in the cache's paths, and in each of its files. */
  readonly systemId: string;
  /** By their paths on Lambda, with `.bin`, without the slash before. */
  readonly files: readonly TreeEntry[];
  /** The bytes of the manifest of the layer whose PHP compiled. */
  readonly layerManifest: Uint8Array;
  /** What the bootstrap calls that layer when another one is there: `php/8.4 8.4.24`. */
  readonly layerName: string;
}

/** What is added to a package: the compiled files, what they were compiled by, and PHP's settings. */
export function compiledEntries(kind: PackageKind, code: CompiledCode): readonly TreeEntry[] {
  const folder = COMPILED_FOLDER[kind];
  const [probe] = code.files;
  if (probe === undefined) return [];
  const index = {
    schemaVersion: 1,
    layer: sha256(code.layerManifest),
    layerName: code.layerName,
    systemId: code.systemId,
    // When this one has another time, Lambda gave all of them other times, and nothing would be found.
    probe: { path: `/${probe.path.replace(/\.bin$/, '')}`, mtime: SOURCE_DATE_EPOCH },
  };
  return [
    ...code.files.map((file): TreeEntry => ({ ...file, path: `${folder}/files/${file.path}` })),
    fileEntry(`${folder}/index.json`, `${JSON.stringify(index, undefined, 2)}\n`),
    fileEntry(`${folder}/uncached`, '/opt/bootstrap\n'),
    fileEntry(COMPILED_INI[kind], settings(kind)),
  ];
}

/**
 * PHP looks for a compiled file below `/tmp`, where the bootstrap puts a link to the package: before PHP 8.5 the
 * cache's folder must be writable. The bootstrap itself runs before that, and must not be compiled into it.
 */
function settings(kind: PackageKind): string {
  return `; Written by \`layersmith package\`: the code of this package comes compiled (docs/functions.md).
opcache.enable_cli = 1
opcache.file_cache = /tmp
opcache.file_cache_only = 1
opcache.validate_timestamps = 1
opcache.blacklist_filename = ${PACKAGE_ROOT[kind]}/${COMPILED_FOLDER[kind]}/uncached
`;
}

import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { sha256 } from '../../core/digest.js';
import { InternalError } from '../../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../../core/source-date-epoch.js';
import { fileEntry, openContent, type TreeEntry } from '../../tree/tree-entry.js';
import { BUNDLE_ROOT, type CodeCompiler, type CompiledCode, type BundleKind } from '../runtime.js';
import { phpProgram } from './php-source.js';

/** The path of PHP in the layer. */
export const PHP_PROGRAM = '/opt/bin/php';

/** The folder of a package's compiled code, below its root. The bootstrap searches there. */
const COMPILED_FOLDER = { function: '.layersmith/opcache', vendor: 'share/layersmith/opcache' } as const;
/** The ini file that enables the compiled code, below the package's root (PHP's scan folders: recipes/php/build.sh). */
const COMPILED_INI = {
  function: 'php/conf.d/layersmith-opcache.ini',
  vendor: 'etc/php/conf.d/layersmith-opcache.ini',
} as const;

const INDEX_VERSION = 1;
/** The folder of opcache's file cache, in which the bootstrap links the compiled code. */
const FILE_CACHE_FOLDER = '/tmp';

const COMPILER_FOLDER = '/var/layersmith';
const WORK_FOLDER = '/tmp/work';
const RESULT_FOLDER = `${WORK_FOLDER}/result`;

/** Constants of the compiler, `runtimes/php/compile.php`. */
export const COMPILER_CONSTANTS = { PHP_PROGRAM, WORK_FOLDER, RESULT_FOLDER } as const;

const reportSchema = z.object({
  systemId: z.string(),
  missing: z.array(z.string()),
  fills: z.number(),
  varied: z.boolean(),
});

/** Returns the text of the compiler. `folder` holds the folders of all runtimes. */
export function compilerProgram(folder: string): Promise<string> {
  return phpProgram([join(folder, 'php', 'compile.php')], {
    constants: COMPILER_CONSTANTS,
    from: 'runtimes/php/compile.php',
  });
}

/** Compiles PHP files into files of opcache's file cache. */
export const phpCompiler: CodeCompiler = {
  ignored: [`/${COMPILED_FOLDER.function}/`, `/${COMPILED_INI.function}`],
  sources: (tree) =>
    tree.filter(({ path, type }) => type === 'file' && path.endsWith('.php')).map(({ path }) => path),
  async job(kind, { tree, folder }) {
    const files = phpCompiler.sources(tree).map((path) => `${BUNDLE_ROOT[kind]}/${path}`);
    return {
      // -n: ignore the settings of the package, which may be wrong.
      command: [PHP_PROGRAM, '-n', `${COMPILER_FOLDER}/compile.php`],
      trees: { [COMPILER_FOLDER]: [fileEntry('compile.php', await compilerProgram(folder))] },
      work: { path: WORK_FOLDER, tree: [fileEntry('files.json', JSON.stringify(files))] },
      result: RESULT_FOLDER,
    };
  },
  async readResult(result) {
    const report = result.find(({ path }) => path === 'report.json');
    if (report?.type !== 'file') throw new InternalError('the PHP compiler left no report.json');
    const text = (await buffer(openContent(report))).toString();
    const { systemId, missing, varied } = reportSchema.parse(JSON.parse(text));
    return {
      systemId,
      missing,
      isReproducible: varied,
      files: result
        .filter(({ path, type }) => type === 'file' && path.startsWith('files/'))
        .map((file) => ({ ...file, path: file.path.slice('files/'.length) })),
    };
  },
  entries: compiledEntries,
};

function compiledEntries(kind: BundleKind, code: CompiledCode): readonly TreeEntry[] {
  const folder = COMPILED_FOLDER[kind];
  const [probe] = code.files;
  if (probe === undefined) return [];
  const index = {
    schemaVersion: INDEX_VERSION,
    layer: sha256(code.layerManifest),
    layerName: code.layerName,
    systemId: code.systemId,
    // If Lambda gives this file another time, it does so for all files, and PHP would not use the compiled code.
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
 * Returns the ini file. PHP searches the cache folder for a compiled file, so the bootstrap links the package there; before PHP
 * 8.5 that folder must be writable. The bootstrap itself runs earlier, and must not be compiled into the cache.
 */
function settings(kind: BundleKind): string {
  return `; Written by \`layersmith package\`: this package contains compiled code (docs/functions.md).
opcache.enable_cli = 1
opcache.file_cache = ${FILE_CACHE_FOLDER}
opcache.file_cache_only = 1
opcache.validate_timestamps = 1
opcache.blacklist_filename = ${BUNDLE_ROOT[kind]}/${COMPILED_FOLDER[kind]}/uncached
`;
}

import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import type { DisposalScope } from '../../core/disposal-scope.js';
import { InternalError } from '../../core/errors.js';
import { byPath, openContent, type TreeEntry } from '../../tree/tree-entry.js';
import { MANIFEST_PATH } from '../../layer/manifest.js';
import {
  COMPILER,
  COMPILER_FOLDER,
  compiledEntries,
  compilerInput,
  PACKAGE_ROOT,
  phpFiles,
  RESULT_FOLDER,
  WORK_FOLDER,
  type PackageKind,
} from '../../runtime/php/compiled-code.js';
import { runLayerProgram } from '../../sandbox/layer-program.js';
import type { PackageRuntime } from './package-request.js';

const reportSchema = z.object({
  systemId: z.string(),
  missing: z.array(z.string()),
  fills: z.number(),
  varied: z.boolean(),
});

/**
 * Compiles a package's PHP with the PHP of the layer, in a container, at the paths that it will have on Lambda, and gives
 * what is to be added to the package, with bytes that `scope` owns. Nothing of the package runs. Nothing for a package
 * without PHP.
 *
 * Throws StageError when PHP cannot compile at all; a single file that cannot be compiled stays as it is.
 */
export async function compilePackage(
  { kind, tree }: { readonly kind: PackageKind; readonly tree: readonly TreeEntry[] },
  { layer, context, scope }: Pick<PackageRuntime, 'layer' | 'context'> & { readonly scope: DisposalScope },
): Promise<readonly TreeEntry[]> {
  if (phpFiles(tree).length === 0) return [];
  const { reporter, store } = context;
  const view = reporter.stage('compiling PHP', await store.lastSeconds('compile-package'));
  const started = context.now();
  try {
    const compiled = await runLayerProgram(
      {
        what: `compiling with the PHP of ${layer.manifest.recipe}`,
        trees: {
          ...(kind === 'vendor'
            ? { '/opt': [...layer.tree, ...tree].sort(byPath) }
            : { '/opt': layer.tree, [PACKAGE_ROOT[kind]]: tree }),
          [COMPILER_FOLDER]: [COMPILER],
        },
        // Without the settings of the package: one of them might be wrong.
        command: ['/opt/bin/php', '-n', `${COMPILER_FOLDER}/compile.php`],
        env: {},
        work: { path: WORK_FOLDER, tree: [compilerInput(kind, tree)] },
        result: RESULT_FOLDER,
        hasNetwork: false,
        hint: 'Leave it out with --no-precompile.',
      },
      {
        context,
        onLine: (line) => {
          view.doing(line);
        },
      },
    );
    const { entries: left } = scope.own(compiled);
    await store.rememberSeconds('compile-package', (context.now() - started) / 1000);
    view.finished('built');
    const report = reportSchema.parse(JSON.parse((await contentOf(left, 'report.json')).toString()));
    const [first, ...more] = report.missing;
    if (first !== undefined) {
      const others = more.length === 0 ? '' : ` and ${more.length} more`;
      reporter.warn(`${first}${others} could not be compiled, and will be by PHP when it is loaded`);
    }
    if (!report.varied)
      reporter.warn('this engine gives every process the same addresses: elsewhere the bytes may be others');
    const { recipe, version } = layer.manifest;
    return compiledEntries(kind, {
      systemId: report.systemId,
      files: left
        .filter(({ path, type }) => type === 'file' && path.startsWith('files/'))
        .map((file) => ({ ...file, path: file.path.slice('files/'.length) })),
      layerManifest: await contentOf(layer.tree, MANIFEST_PATH),
      layerName: `${recipe} ${version}`,
    });
  } catch (error) {
    view.failed();
    throw error;
  }
}

async function contentOf(tree: readonly TreeEntry[], path: string): Promise<Buffer> {
  const entry = tree.find((one) => one.path === path);
  if (entry?.type !== 'file') throw new InternalError(`there is no ${path}`);
  return buffer(openContent(entry));
}

import { buffer } from 'node:stream/consumers';
import type { DisposalScope } from '../../core/disposal-scope.js';
import { InternalError } from '../../core/errors.js';
import { byPath, openContent, type TreeEntry } from '../../tree/tree-entry.js';
import { MANIFEST_PATH } from '../../layer/manifest.js';
import { BUNDLE_ROOT, type BundleKind } from '../../runtime/runtime.js';
import { runtimesFolder } from '../../runtime/runtimes.js';
import { runLayerProgram } from '../../sandbox/layer-program.js';
import type { BundleRuntime } from './bundle-request.js';

/**
 * Compiles a package's code with the interpreter of the layer, in a container, at the paths that it has on Lambda. Returns the
 * entries to add to the package, whose bytes `scope` owns, or none if there is nothing to compile. The code of the package is
 * not run.
 *
 * A file that cannot be compiled is left out, with a warning. Throws StageError if the compiler fails.
 */
export async function compileBundle(
  { kind, tree }: { readonly kind: BundleKind; readonly tree: readonly TreeEntry[] },
  { layer, context, scope }: Pick<BundleRuntime, 'layer' | 'context'> & { readonly scope: DisposalScope },
): Promise<readonly TreeEntry[]> {
  const { compiler, language } = layer.runtime;
  if (compiler === undefined || compiler.sources(tree).length === 0) return [];
  const { reporter, store } = context;
  const job = await compiler.job(kind, { tree, folder: runtimesFolder(context.packageRoot) });
  const view = reporter.activity(`compiling ${language}`, await store.lastSeconds('compile-package'));
  const started = context.now();
  try {
    const compiled = await runLayerProgram(
      {
        what: `compiling with the ${language} of ${layer.manifest.recipe}`,
        trees: {
          ...(kind === 'vendor'
            ? { '/opt': [...layer.tree, ...tree].sort(byPath) }
            : { '/opt': layer.tree, [BUNDLE_ROOT[kind]]: tree }),
          ...job.trees,
        },
        command: job.command,
        env: {},
        work: job.work,
        result: job.result,
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
    const result = await compiler.readResult(left);
    const [first, ...more] = result.missing;
    if (first !== undefined) {
      const others = more.length === 0 ? '' : ` and ${more.length} more`;
      reporter.warn(
        `${first}${others} could not be compiled ahead of time: ${language} compiles it when it is loaded`,
      );
    }
    if (!result.isReproducible)
      reporter.warn('this engine does not randomize addresses: another engine may produce other bytes');
    const { recipe, version } = layer.manifest;
    return compiler.entries(kind, {
      ...result,
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
  if (entry?.type !== 'file') throw new InternalError(`${path} does not exist`);
  return buffer(openContent(entry));
}

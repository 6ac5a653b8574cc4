import { access } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { DisposalScope } from '../../core/disposal-scope.js';
import { LayerError, UsageError } from '../../core/errors.js';
import { openContent, type TreeEntry } from '../../tree/tree-entry.js';
import type { Tree } from '../../tree/tree.js';
import { followLinks } from '../../tree/tree-links.js';
import { readCodeTree, readTree } from '../../tree/code-tree.js';
import { withFolders, mergeLayers } from '../../tree/merge-layers.js';
import { BUNDLE_ROOT } from '../../runtime/runtime.js';
import {
  COMPOSER_COMMAND,
  COMPOSER_ENVIRONMENT,
  COMPOSER_FOLDER,
  composerEntry,
  composerSettings,
  PROJECT_FOLDER,
} from '../../runtime/php/composer.js';
import { withoutIgnored } from './ignored-files.js';
import { runLayerProgram } from '../../sandbox/layer-program.js';
import type { BundleRequest, BundleRuntime } from './bundle-request.js';

/** Input of `vendorFiles`. */
export interface VendorRequest extends Pick<BundleRequest, 'folder' | 'composer' | 'tmpDir' | 'reporter'> {
  readonly runtime: BundleRuntime | undefined;
  /** Owns the trees that hold the files' bytes. */
  readonly scope: DisposalScope;
}

/**
 * Returns the files of a project's `vendor/`, as it is or as Composer installs it. Throws UsageError if there is none,
 * LayerError for a link that leaves it, StageError if Composer fails.
 */
export async function vendorFiles(request: VendorRequest): Promise<readonly TreeEntry[]> {
  const { folder, composer, scope } = request;
  const found = scope.own(await (composer === undefined ? existing(request) : installed(request, composer)));
  const inVendor = found.entries.map((entry) => ({ ...entry, path: `vendor/${entry.path}` }));
  const entries = mergeLayers([await withoutIgnored({ path: folder, entries: inVendor }, 'vendor')]);
  refuseLinksOutward(entries);
  return entries;
}

async function existing({ folder, tmpDir, reporter }: VendorRequest): Promise<Tree> {
  const vendor = join(folder, 'vendor');
  const hasAutoloader = await access(join(vendor, 'autoload.php')).then(
    () => true,
    () => false,
  );
  if (hasAutoloader) return readTree(vendor, { what: 'layer', tmpDir, warn: reporter.warn });
  throw new UsageError(`${folder} has no vendor/autoload.php`, {
    hint: 'Run `composer install` in it first, or give a composer.phar with --composer.',
  });
}

function refuseLinksOutward(entries: readonly TreeEntry[]): void {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const entry of entries) {
    if (entry.type !== 'symlink') continue;
    const { path, target } = entry;
    const end = followLinks(target, { from: posix.dirname(path), entries: byPath });
    if (end.to === 'tree' && byPath.has(end.path)) continue;
    throw new LayerError(`${path} links to ${target}, which is outside the layer`, {
      hint: 'Set COMPOSER_MIRROR_PATH_REPOS=1 when you run Composer, so that it copies packages from folders.',
    });
  }
}

async function installed(
  { folder, runtime, tmpDir }: VendorRequest,
  composer: NonNullable<BundleRequest['composer']>,
): Promise<Tree> {
  if (runtime === undefined)
    throw new UsageError('Composer needs the PHP of a layer, and no layer is given', {
      hint: 'Name the runtime layer with --layer.',
    });
  const { layer, context } = runtime;
  await using code = await readCodeTree(folder, {
    what: 'function',
    root: BUNDLE_ROOT.function,
    tmpDir,
    warn: context.reporter.warn,
  });
  const whole = await withoutIgnored(code, 'vendor');
  const isOutside = ({ path }: TreeEntry): boolean => path !== 'vendor' && !path.startsWith('vendor/');
  const project = { ...whole, entries: whole.entries.filter(isOutside) };
  if (!project.entries.some(({ path }) => path === 'composer.json'))
    throw new UsageError(`${folder} has no composer.json`, {
      hint: 'Name the folder of a Composer project.',
    });
  if (!project.entries.some(({ path }) => path === 'composer.lock'))
    context.reporter.warn(
      `${folder} has no composer.lock: Composer may install other versions on another day`,
    );
  const view = context.reporter.activity('composer install', await context.store.lastSeconds('composer'));
  const started = context.now();
  try {
    const installedTree = await runLayerProgram(
      {
        what: 'composer install',
        trees: { '/opt': layer.tree, [COMPOSER_FOLDER]: [await composerEntry(composer.phar)] },
        command: COMPOSER_COMMAND,
        env: COMPOSER_ENVIRONMENT,
        work: {
          path: PROJECT_FOLDER,
          tree: withFolders({
            ...project,
            entries: [...project.entries, await settingsFor(project.entries)],
          }),
        },
        result: `${PROJECT_FOLDER}/vendor`,
        hasNetwork: composer.hasNetwork,
        needsShell: true,
        hint: composer.hasNetwork
          ? 'See the output of Composer above.'
          : 'See the output of Composer above. It had no network because of --offline.',
      },
      {
        context,
        onLine: (line) => {
          view.doing(line);
        },
      },
    );
    await context.store.rememberSeconds('composer', (context.now() - started) / 1000);
    view.finished('built');
    return installedTree;
  } catch (error) {
    view.failed();
    throw error;
  }
}

async function settingsFor(entries: readonly TreeEntry[]): Promise<TreeEntry> {
  const texts: Buffer[] = [];
  for (const entry of entries)
    if (entry.type === 'file' && ['composer.json', 'composer.lock'].includes(entry.path))
      texts.push(await buffer(openContent(entry)));
  return composerSettings(texts);
}

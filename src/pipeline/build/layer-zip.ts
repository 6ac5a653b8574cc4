import { auditLayer, errorsOf, type AuditReport } from '../../audit/audit-layer.js';
import { describeFinding } from '../../audit/describe-finding.js';
import { readLayerFacts } from '../../audit/layer-facts.js';
import { LayerError } from '../../core/errors.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import { assembleLayerTree } from '../../layer/layer-tree.js';
import type { Manifest } from '../../layer/manifest.js';
import { writeZip } from '../../tree/zip-writer.js';
import type { Recipe } from '../../recipe/recipe.js';
import type { StoredItem } from '../../store/store.js';
import type { BuildServices, BuildTarget } from './build-context.js';
import { layerParts } from './layer-parts.js';
import { runtimesFolder } from '../../runtime/runtimes.js';

export interface LayerZip {
  readonly recipe: Recipe;
  /** The root stage's artifact. */
  readonly artifact: StoredItem;
  readonly manifest: Manifest;
  readonly context: BuildTarget & Pick<BuildServices, 'store' | 'reporter' | 'now'>;
}

/** Assembles a layer's tree, audits it, and writes it to `path` as a zip. Throws LayerError if the audit finds errors. */
export async function writeLayerZip(path: string, input: LayerZip): Promise<AuditReport> {
  const { recipe, artifact, manifest, context } = input;
  const { runtime } = layerParts(recipe);
  const view = context.reporter.activity('layer', await context.store.lastSeconds(`layer:${recipe.name}`));
  const started = context.now();
  try {
    const bootstrap = await runtime.bootstrap(runtimesFolder(context.packageRoot));
    await using tree = await assembleLayerTree({
      recipe,
      artifact: artifact.path,
      bootstrap,
      manifest,
      tmpDir: context.store.tmpDir,
    });
    view.doing('auditing');
    const report = await audited(tree.entries, input);
    view.doing('zipping');
    await writeZip(path, tree.entries);
    await context.store.rememberSeconds(`layer:${recipe.name}`, (context.now() - started) / 1000);
    view.finished('built');
    return report;
  } catch (error) {
    view.failed();
    throw error;
  }
}

async function audited(tree: readonly TreeEntry[], { recipe, context }: LayerZip): Promise<AuditReport> {
  const { platform, abiProfiles, reporter } = context;
  const report = await auditLayer(await readLayerFacts(tree), {
    profiles: abiProfiles,
    platform: platform.name,
    needsBootstrap: true,
    zipBytes: undefined,
  });
  for (const finding of report.findings)
    if (finding.severity === 'warning') reporter.warn(describeFinding(finding));
  const errors = errorsOf(report);
  if (errors.length === 0) return report;
  throw new LayerError(
    `the audit refuses the layer of ${recipe.name} for ${platform.name} ${platform.architecture}: ${errors.length} ${errors.length === 1 ? 'finding' : 'findings'}`,
    {
      details: { findings: errors.flatMap((finding) => [describeFinding(finding), `→ ${finding.remedy}`]) },
      hint: 'Change what its build.sh compiles, or which files `layer.files` in its package.yaml includes.',
    },
  );
}

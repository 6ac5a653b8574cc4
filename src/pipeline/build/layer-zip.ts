import { auditLayer, errorsOf, type AuditReport } from '../../audit/audit-layer.js';
import { describeFinding } from '../../audit/describe-finding.js';
import { readLayerFacts } from '../../audit/layer-facts.js';
import { LayerError } from '../../core/errors.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import { assembleLayerTree } from '../../layer/layer-tree.js';
import type { LayerSettings } from '../../layer/layer-settings.js';
import { programAtFixedAddress, type Manifest } from '../../layer/manifest.js';
import { readZip } from '../../tree/zip-reader.js';
import { writeZip } from '../../tree/zip-writer.js';
import { layerStages, type Plan } from '../../recipe/plan.js';
import type { StoredItem } from '../../store/store.js';
import type { BuildServices, BuildTarget } from './build-context.js';
import { generatedFiles } from './layer-parts.js';

export interface LayerZip {
  readonly plan: Plan;
  readonly settings: LayerSettings;
  /** The artifacts that go into the layer, in the order of `layerStages`. */
  readonly artifacts: readonly StoredItem[];
  readonly manifest: Manifest;
  readonly context: BuildTarget & Pick<BuildServices, 'store' | 'reporter' | 'now'>;
}

/** Assembles a layer's tree, audits it, and writes it to `path` as a zip. Throws LayerError if the audit finds errors. */
export async function writeLayerZip(path: string, input: LayerZip): Promise<AuditReport> {
  const { plan, settings, artifacts, manifest, context } = input;
  const { recipe } = plan.root;
  const view = context.reporter.activity('layer', await context.store.lastSeconds(`layer:${recipe.name}`));
  const started = context.now();
  try {
    const parts = layerStages(plan).flatMap((stage, index) => {
      const artifact = artifacts[index];
      return artifact === undefined ? [] : [{ recipe: stage.recipe, artifact: artifact.path }];
    });
    await using tree = await assembleLayerTree({
      parts,
      generated: await generatedFiles(plan, { settings, packageRoot: context.packageRoot }),
      added: settings.files,
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

/** Audits the zip of a layer that another machine made. Throws LayerError if the audit finds errors, or the zip is hostile. */
export async function auditLayerZip(
  path: string,
  { plan, context }: Pick<LayerZip, 'plan' | 'context'>,
): Promise<void> {
  await using tree = await readZip(path, { tmpDir: context.store.tmpDir });
  await audited(tree.entries, { plan, context });
}

async function audited(
  tree: readonly TreeEntry[],
  { plan, context }: Pick<LayerZip, 'plan' | 'context'>,
): Promise<AuditReport> {
  const { platform, abiProfiles, reporter } = context;
  const { recipe } = plan.root;
  const report = await auditLayer(await readLayerFacts(tree), {
    profiles: abiProfiles,
    platform: platform.name,
    needsBootstrap: true,
    fixedAddress: programAtFixedAddress({
      start: plan.start,
      recipe: recipe.name,
      interpreter: recipe.layer?.interpreter,
    }),
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

import { basename } from 'node:path';
import { auditLayer, errorsOf } from '../../audit/audit-layer.js';
import { describeFinding } from '../../audit/describe-finding.js';
import { readLayerFacts } from '../../audit/layer-facts.js';
import type { Sha256 } from '../../core/digest.js';
import { InternalError, LayerError } from '../../core/errors.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import { VERSION } from '../../core/version.js';
import type { VendorRecord } from '../../layer/layer-record.js';
import { mergeLayers } from '../../tree/merge-layers.js';
import { runLayerProgram } from '../../sandbox/layer-program.js';
import type { BundleRequest, BundleRuntime } from './bundle-request.js';

/** Creates the record of a vendor layer: the result of its audit and, with a runtime layer, of loading its autoloader. */
export async function vendorRecord(
  tree: readonly TreeEntry[],
  {
    output,
    runtime,
    reporter,
    zip,
  }: Pick<BundleRequest, 'output' | 'reporter'> & {
    readonly runtime: BundleRuntime | undefined;
    readonly zip: { readonly sha256: Sha256; readonly sizeBytes: number };
  },
): Promise<VendorRecord> {
  const layer = { file: basename(output), ...zip };
  const record = { schemaVersion: 1, kind: 'vendor', layersmith: VERSION, layer } as const;
  if (runtime === undefined) {
    reporter.warn(
      'the layer was packaged without a runtime layer and is not tested: `publish` accepts it only with --force',
    );
    return record;
  }
  const { layer: runtimeLayer, abiProfiles, context } = runtime;
  const { platform, architecture, recipe, version } = runtimeLayer.manifest;
  const report = await auditLayer(await readLayerFacts(tree), {
    profiles: abiProfiles,
    platform,
    needsBootstrap: false,
    zipBytes: zip.sizeBytes,
  });
  const errors = errorsOf(report);
  if (errors.length > 0)
    throw new LayerError(`the audit refuses the layer for ${platform} ${architecture}`, {
      details: { findings: errors.flatMap((finding) => [describeFinding(finding), `→ ${finding.remedy}`]) },
      hint: 'Exclude the file with a line in .layersmithignore-vendor.',
    });
  await loadLibraries(tree, { layer: runtimeLayer, context });
  return {
    ...record,
    platform,
    architecture,
    runtime: { recipe, version },
    audit: { platform, oldestPlatform: report.oldestPlatform },
    smokeTests: { runtimeDigest: context.runtimeImage.digest, programs: 1, invocations: 0 },
  };
}

/** Loads the libraries once, on the runtime layer. Throws StageError if they do not load. */
async function loadLibraries(
  tree: readonly TreeEntry[],
  { layer, context }: Pick<BundleRuntime, 'layer' | 'context'>,
): Promise<void> {
  const { vendor } = layer.runtime;
  if (vendor === undefined) throw new InternalError(`${layer.runtime.language} has no vendor folders`);
  const result = '/tmp/work/result';
  const opt = mergeLayers([
    { path: 'the runtime layer', entries: layer.tree },
    { path: 'the package', entries: tree },
  ]);
  await using _left = await runLayerProgram(
    {
      what: `loading vendor/${vendor.autoloader}`,
      trees: { '/opt': opt },
      command: vendor.loadCommand(result),
      env: {},
      work: { path: '/tmp/work', tree: [] },
      result,
      hasNetwork: false,
      hint: `The libraries must load on ${layer.manifest.recipe}: check its platform requirements with \`composer check-platform-reqs\`.`,
    },
    { context, onLine: context.reporter.info },
  );
}

import { VERSION } from '../core/version.js';
import type { LayerRecord } from '../layer/layer-record.js';
import type { TestedLayer, UntestedLayer } from '../layer/tested-layer.js';
import type { LayerDescription } from './layer-registry.js';

/** PublishLayerVersion's limit for LicenseInfo. */
const MAX_LICENSE_LENGTH = 512;

/**
 * Returns what Lambda stores with the zip of a layer version. The description names the recipe and the sha256 of the zip. The
 * license is an SPDX expression of everything compiled into it.
 */
export function describeLayer(name: string, { zip, record }: TestedLayer | UntestedLayer): LayerDescription {
  const { platform, architecture } = record ?? {};
  return {
    name,
    description: `${contentOf(record)}, by layersmith ${VERSION}, sha256 ${zip.sha256}`,
    license: licenseOf(record),
    runtimes: platform === undefined ? [] : [platform],
    architectures: architecture === undefined ? [] : [architecture],
  };
}

function contentOf(record: LayerRecord | undefined): string {
  if (record === undefined) return 'a third-party layer';
  if (record.kind === 'vendor') return `Composer libraries for ${record.runtime?.recipe ?? 'PHP'}`;
  return `${record.recipe} ${record.version}`;
}

function licenseOf(record: LayerRecord | undefined): string | undefined {
  if (record === undefined || record.kind === 'vendor') return undefined;
  const license = [...new Set(record.stages.map((stage) => stage.license))]
    .map((one) => (/ (AND|OR) /.test(one) ? `(${one})` : one))
    .join(' AND ');
  return license.length <= MAX_LICENSE_LENGTH ? license : 'see share/licenses in the layer';
}

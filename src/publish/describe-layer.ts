import type { Sha256 } from '../core/digest.js';
import { VERSION } from '../core/version.js';
import type { LayerRecord } from '../layer/layer-record.js';
import type { TestedLayer, UntestedLayer } from '../layer/tested-layer.js';
import type { LayerDescription } from './layer-registry.js';

/** PublishLayerVersion's limit for LicenseInfo. */
const MAX_LICENSE_LENGTH = 512;

/** The end of the description of a layer that AWS Signer signed. Lambda itself has the profile. */
export const SIGNED = ', signed';

/**
 * Returns what Lambda stores with the zip of a layer version. The description names the recipe and the sha256 of the zip. The
 * license is an SPDX expression of everything compiled into it.
 */
export function describeLayer(
  name: string,
  {
    layer: { zip, record },
    attestation,
    isSigned,
  }: {
    readonly layer: TestedLayer | UntestedLayer;
    /** The sha256 of the attestation beside the zip, if there is one. */
    readonly attestation: Sha256 | undefined;
    /** Whether AWS Signer signed the zip. */
    readonly isSigned: boolean;
  },
): LayerDescription {
  const { platform, architecture } = record ?? {};
  const attested = attestation === undefined ? '' : `, attestation ${attestation}`;
  return {
    name,
    description: `${contentOf(record)}, by layersmith ${VERSION}, sha256 ${zip.sha256}${attested}${isSigned ? SIGNED : ''}`,
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

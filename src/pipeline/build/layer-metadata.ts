import { join } from 'node:path';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { sha256 } from '../../core/digest.js';
import { findCaBundles } from '../../layer/ca-bundles.js';
import { formatLayerRecord, recordPath, type BuiltRecord } from '../../layer/layer-record.js';
import { provenanceOf, type ProvenanceRun } from '../../layer/provenance.js';
import { sbomOf } from '../../layer/sbom.js';

/** The paths of a layer's metadata: manifest, SBOM and provenance. */
export interface LayerMetadata {
  readonly manifestPath: string;
  readonly sbomPath: string;
  readonly provenancePath: string;
}

/** Returns the paths of the metadata of the layer `NAME.zip`, next to the zip. */
export function metadataPaths(output: string, name: string): LayerMetadata {
  return {
    manifestPath: recordPath(join(output, `${name}.zip`)),
    sbomPath: join(output, `${name}.cdx.json`),
    provenancePath: join(output, `${name}.provenance.json`),
  };
}

/** Writes the metadata of the layer whose zip is at `zip`. Each file is replaced in one rename. */
export async function writeMetadata(
  paths: LayerMetadata,
  { record, zip, run }: { readonly record: BuiltRecord; readonly zip: string; readonly run: ProvenanceRun },
): Promise<void> {
  const sbom = format(sbomOf(record, await findCaBundles(zip)));
  const manifest = formatLayerRecord(record);
  const name = record.layer.file.replace(/\.zip$/, '');
  const byproducts = [
    { name: `${name}.manifest.json`, sha256: sha256(manifest) },
    { name: `${name}.cdx.json`, sha256: sha256(sbom) },
  ];
  await writeFileAtomically(paths.sbomPath, sbom);
  await writeFileAtomically(paths.provenancePath, format(provenanceOf(record, { run, byproducts })));
  await writeFileAtomically(paths.manifestPath, manifest);
}

function format(json: unknown): string {
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

import { join } from 'node:path';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { sha256 } from '../../core/digest.js';
import { findCaBundles } from '../../layer/ca-bundles.js';
import { recordPath } from '../../layer/layer-record.js';
import type { LayerRecord } from '../../layer/manifest.js';
import { provenanceOf, type ProvenanceRun } from '../../layer/provenance.js';
import { sbomOf } from '../../layer/sbom.js';

/** The papers of a layer, by what each is. */
export interface LayerPapers {
  readonly manifestPath: string;
  readonly sbomPath: string;
  readonly provenancePath: string;
}

/** Where the papers of a layer are: beside its zip, under its name. */
export function paperPaths(output: string, name: string): LayerPapers {
  return {
    manifestPath: recordPath(join(output, `${name}.zip`)),
    sbomPath: join(output, `${name}.cdx.json`),
    provenancePath: join(output, `${name}.provenance.json`),
  };
}

/** Writes the papers of the layer whose zip is at `zip`. */
export async function writePapers(
  paths: LayerPapers,
  { record, zip, run }: { readonly record: LayerRecord; readonly zip: string; readonly run: ProvenanceRun },
): Promise<void> {
  const sbom = asText(sbomOf(record, await findCaBundles(zip)));
  const manifest = asText(record);
  const name = record.layer.file.replace(/\.zip$/, '');
  const byproducts = [
    { name: `${name}.manifest.json`, sha256: sha256(manifest) },
    { name: `${name}.cdx.json`, sha256: sha256(sbom) },
  ];
  await writeFileAtomically(paths.sbomPath, sbom);
  await writeFileAtomically(paths.provenancePath, asText(provenanceOf(record, { run, byproducts })));
  await writeFileAtomically(paths.manifestPath, manifest);
}

function asText(paper: unknown): string {
  return `${JSON.stringify(paper, undefined, 2)}\n`;
}

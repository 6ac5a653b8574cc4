import { LayerError, PublishError } from '../core/errors.js';
import type { ZipFile } from '../tree/zip-file.js';
import { readLayerRecord, recordPath, type LayerRecord } from './layer-record.js';

/** Keeps other code from making these types: there is no such key at run time. */
declare const isTested: unique symbol;

/** A layer zip that passed the audit and its smoke tests, as the record beside it says. Only `readTestedLayer` makes one. */
export interface TestedLayer {
  readonly [isTested]: true;
  readonly zip: ZipFile;
  readonly record: LayerRecord;
}

/** A layer zip that a user publishes without proof that it was tested. Only `readUntestedLayer` makes one. */
export interface UntestedLayer {
  readonly [isTested]: false;
  readonly zip: ZipFile;
  /** Undefined where there is none, where it is invalid, and where it belongs to another zip. */
  readonly record: LayerRecord | undefined;
}

/**
 * Reads the record beside a layer zip and checks that it proves the audit and the smoke tests of these very bytes. Throws
 * PublishError when it does not, LayerError for an invalid record.
 */
export async function readTestedLayer(zip: ZipFile): Promise<TestedLayer> {
  const record = await readLayerRecord(zip.path);
  const problem = problemOf(record, zip);
  if (record !== undefined && problem === undefined) return { zip, record } as TestedLayer;
  throw new PublishError(`${zip.path} is not known to be audited and tested: ${problem ?? ''}`, {
    hint: 'Publish a zip that `layersmith build` or `layersmith package vendor --layer` made, with its manifest beside it, or use --force.',
  });
}

/** Reads the record beside a layer zip, as far as there is a valid one, without asking for its checks. */
export async function readUntestedLayer(zip: ZipFile): Promise<UntestedLayer> {
  const record = await readLayerRecord(zip.path).catch((error: unknown) => {
    if (error instanceof LayerError) return undefined;
    throw error;
  });
  return { zip, record: record?.layer.sha256 === zip.sha256 ? record : undefined } as UntestedLayer;
}

function problemOf(record: LayerRecord | undefined, zip: ZipFile): string | undefined {
  const path = recordPath(zip.path);
  if (record === undefined) return `there is no ${path}`;
  if (record.layer.sha256 !== zip.sha256) return `${path} belongs to another zip`;
  if (record.audit === undefined) return `${path} has no audit`;
  if (record.smokeTests === undefined) return `${path} has no smoke tests`;
  return undefined;
}

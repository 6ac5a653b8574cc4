import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isSha256 } from '../core/digest.js';
import { LayerError } from '../core/errors.js';
import { describeParseError } from '../core/parse-error.js';
import { errorCodeOf } from '../core/file-system.js';
import { ARCHITECTURES } from '../platform/platform.js';
import { manifestSchema } from './manifest.js';

const layer = z.object({
  /** The name of the zip, without its folder. */
  file: z.string(),
  sha256: z.string().refine(isSha256, 'a sha256 has 64 lower-case hexadecimal digits'),
  sizeBytes: z.number(),
});

/** Present if the layer passed the audit for that platform. */
const audit = z.object({
  platform: z.string(),
  /** The oldest platform on which the layer runs. */
  oldestPlatform: z.string().optional(),
});

const smokeTests = z.object({ runtimeDigest: z.string(), programs: z.number(), invocations: z.number() });

const builtRecordSchema = manifestSchema.extend({
  kind: z.undefined().optional(),
  layer,
  /** The alternative of each source that each stage compiled, by name. Missing in records of version 1. */
  usedSources: z.record(z.string(), z.record(z.string(), z.string())).default({}),
  /** The reason for the choice of toolchain: `public.ecr.aws does not answer (no such host)`. */
  toolchainReason: z.string(),
  audit,
  smokeTests,
});

const vendorRecordSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('vendor'),
  /** The version of layersmith that created the layer. */
  layersmith: z.string(),
  layer,
  /** Platform, architecture and recipe of the layer on which it was tested. */
  platform: z.string().optional(),
  architecture: z.enum(ARCHITECTURES).optional(),
  runtime: z.object({ recipe: z.string(), version: z.string() }).optional(),
  /** Absent, like the smoke tests, when the layer was packaged without a runtime layer. */
  audit: audit.optional(),
  smokeTests: smokeTests.optional(),
});

/** The record next to the zip of a layer that `layersmith build` created: the manifest, and the results. */
export type BuiltRecord = z.infer<typeof builtRecordSchema>;

/** The record next to the zip of a vendor layer. */
export type VendorRecord = z.infer<typeof vendorRecordSchema>;

/** The record next to a layer zip. `kind` distinguishes vendor layers from layers of an interpreter. */
export type LayerRecord = BuiltRecord | VendorRecord;

/** Returns the path of the record next to a layer zip: `X.manifest.json` for `X.zip`. */
export function recordPath(zip: string): string {
  return zip.replace(/(\.zip)?$/, '.manifest.json');
}

/** Reads the record next to a layer zip. Undefined if there is none. Throws LayerError for an invalid one. */
export async function readLayerRecord(zip: string): Promise<LayerRecord | undefined> {
  const path = recordPath(zip);
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    // Distinguish the kinds first: the error of a union would not say what is wrong.
    const isVendor = typeof json === 'object' && json !== null && 'kind' in json && json.kind === 'vendor';
    return (isVendor ? vendorRecordSchema : builtRecordSchema).parse(json);
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return undefined;
    throw new LayerError(`${path} is invalid: ${describeParseError(cause)}`, {
      hint: 'Build or package the layer again to write a new one.',
      cause,
    });
  }
}

/** Formats the record as JSON with two spaces and a newline at the end. */
export function formatLayerRecord(record: LayerRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isSha256 } from '../core/digest.js';
import { LayerError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { ARCHITECTURES } from '../platform/platform.js';

const record = z.object({
  layer: z.object({
    file: z.string(),
    sha256: z.string().refine(isSha256, 'a sha256 has 64 lower-case hexadecimal digits'),
    sizeBytes: z.number(),
  }),
  platform: z.string().optional(),
  architecture: z.enum(ARCHITECTURES).optional(),
  audit: z.object({ platform: z.string(), oldestPlatform: z.string().optional() }).optional(),
  smokeTests: z
    .object({ runtimeDigest: z.string(), programs: z.number(), invocations: z.number() })
    .optional(),
});

const built = record.extend({
  kind: z.undefined().optional(),
  recipe: z.string(),
  version: z.string(),
  stages: z.array(z.object({ licence: z.string() })),
});

const vendor = record.extend({
  schemaVersion: z.literal(1),
  kind: z.literal('vendor'),
  /** The version of layersmith that made it. */
  layersmith: z.string(),
  /** Of the layer that it was tested on. */
  runtime: z.object({ recipe: z.string(), version: z.string() }).optional(),
});

/** What is beside the zip of a vendor layer; without `audit` and `smokeTests` for one that was made without a runtime layer. */
export type VendorRecord = z.infer<typeof vendor>;

/** What `publish` needs to know of a layer, built or of a vendor folder. */
export type PublishedRecord = z.infer<typeof built> | VendorRecord;

/** The record beside a layer zip: `X.manifest.json` for `X.zip`. */
export function recordPath(zip: string): string {
  return zip.replace(/(\.zip)?$/, '.manifest.json');
}

/** Undefined where there is none. Throws LayerError for one that cannot be understood. */
export async function readLayerRecord(zip: string): Promise<PublishedRecord | undefined> {
  const path = recordPath(zip);
  try {
    return z.union([built, vendor]).parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return undefined;
    throw new LayerError(`${path} cannot be understood`, {
      hint: 'Build or package the layer again: that writes it anew.',
      cause,
    });
  }
}

import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { isSha256 } from '../core/digest.js';
import { LayerError } from '../core/errors.js';
import { openContent, type TreeEntry } from '../tree/tree-entry.js';
import { ARCHITECTURES } from '../platform/platform.js';

/** Where the manifest lies in a layer, below `/opt`. */
export const MANIFEST_PATH = 'share/layersmith/manifest.json';

const sha256 = z.string().refine(isSha256, 'a sha256 has 64 lower-case hexadecimal digits');

const pinned = z.object({ file: z.string(), sha256 });

const stage = z.object({
  recipe: z.string(),
  package: z.string(),
  version: z.string(),
  /** SPDX expression. */
  license: z.string(),
  homepage: z.string().optional(),
  /** `vendor:product` of the package in the CPE dictionary. */
  cpe: z.string().optional(),
  endOfLife: z.string().optional(),
  /** Names of the recipes that it was compiled against, direct ones only. */
  needs: z.array(z.string()),
  /** Of the artifact that the stage left. Unknown in the manifests of version 1. */
  artifact: sha256.optional(),
  /**
   * What was compiled: the alternatives of each source, which have one name. Manifests of version 1 name only the one
   * that was taken.
   */
  sources: z.array(pinned.extend({ name: z.string(), urls: z.array(z.string()) })),
  /** Applied to the first source, in this order. */
  patches: z.array(pinned),
});

/** Manifests of layersmith 0.1.0 spell the key `licence`. They stay readable; only `license` is written. */
const stageOfAnyRelease = z.preprocess((value) => {
  if (typeof value !== 'object' || value === null || !('licence' in value)) return value;
  const { licence, ...rest } = value;
  return { license: licence, ...rest };
}, stage);

/** The schema of the manifest. The record beside the zip extends it. */
export const manifestSchema = z.object({
  /** Version 1 also had the version of layersmith and the stages' keys, which said nothing about the content. */
  schemaVersion: z.union([z.literal(1), z.literal(2)]),
  recipe: z.string(),
  version: z.string(),
  /** The name of the runtime: `php`. Older manifests have none: see `interpreterOf`. */
  interpreter: z.string().optional(),
  platform: z.string(),
  architecture: z.enum(ARCHITECTURES),
  toolchain: z.object({
    kind: z.enum(['amazonlinux', 'debian']),
    digest: z.string(),
    /** The packages of the toolchain image, sorted by name. */
    packages: z.array(z.object({ name: z.string(), version: z.string() })),
  }),
  /** Needs before what needs them; the last one is the layer's own recipe. */
  stages: z.array(stageOfAnyRelease).min(1),
});

/**
 * The record of what went into a layer, inside the zip. Nothing of the run or of the tool that made it is in here (no time,
 * no reason for a choice, no test result, no version of layersmith): the same content gives the same bytes.
 */
export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestStage = Manifest['stages'][number];

/** The name of the layer's runtime. In a manifest without one it is the package of the recipe: there were only php and lua. */
export function interpreterOf({ interpreter, recipe }: Manifest): string {
  return interpreter ?? recipe.replace(/\/.*$/, '');
}

/** The manifest as it is written: JSON with two spaces, keys in the order of the schema, and a newline. */
export function writeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/**
 * Reads the manifest inside a layer; undefined where there is none, as in third-party layers. Throws LayerError for an
 * invalid one.
 */
export async function readManifest(entries: readonly TreeEntry[]): Promise<Manifest | undefined> {
  const entry = entries.find(({ path }) => path === MANIFEST_PATH);
  if (entry?.type !== 'file') return undefined;
  return parseManifest(await buffer(openContent(entry)));
}

/** Parses a manifest. Throws LayerError for bytes that do not fit the schema. */
export function parseManifest(bytes: Buffer): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new LayerError(`the layer's ${MANIFEST_PATH} is invalid: ${describeParseError(cause)}`, {
      hint: 'Build the layer again, or use the version of layersmith that made it.',
      cause,
    });
  }
}

/** Names the first key that does not fit, or why the text is not JSON. */
export function describeParseError(cause: unknown): string {
  if (!(cause instanceof z.ZodError)) return cause instanceof Error ? cause.message : String(cause);
  const [issue] = cause.issues;
  return issue === undefined ? 'it does not fit the schema' : `${issue.path.join('.')}: ${issue.message}`;
}

import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { isSha256 } from '../core/digest.js';
import { LayerError } from '../core/errors.js';
import { LAYER_MODES } from '../core/layer-mode.js';
import { describeParseError } from '../core/parse-error.js';
import { openContent, type TreeEntry } from '../tree/tree-entry.js';
import { ARCHITECTURES } from '../platform/platform.js';
import { STARTS } from '../recipe/recipe-schema.js';

/** The path of the manifest in a layer, below `/opt`. */
export const MANIFEST_PATH = 'share/layersmith/manifest.json';

const sha256 = z.string().refine(isSha256, 'a sha256 has 64 lower-case hexadecimal digits');

const pinned = z.object({ file: z.string(), sha256 });

const bundle = z.object({
  name: z.string(),
  /** Missing if the sources do not contain it. */
  version: z.string().optional(),
  /** SPDX expression. */
  license: z.string(),
  homepage: z.string().optional(),
  /** `vendor:product` in the CPE dictionary. */
  cpe: z.string().optional(),
});

const stage = z.object({
  recipe: z.string(),
  package: z.string(),
  version: z.string(),
  /** SPDX expression. */
  license: z.string(),
  homepage: z.string().optional(),
  /** `vendor:product` in the CPE dictionary. */
  cpe: z.string().optional(),
  endOfLife: z.string().optional(),
  /** Names of the recipes against which it was compiled; direct needs only. */
  needs: z.array(z.string()),
  /** The digest of the stage's artifact. Missing in manifests of version 1. */
  artifact: sha256.optional(),
  /**
   * The compiled sources, with the alternatives of each source under one name. Manifests of version 1 list only the
   * alternative that was used.
   */
  sources: z.array(pinned.extend({ name: z.string(), urls: z.array(z.string()) })),
  /** The recipe's own, applied to the first source, in this order. */
  patches: z.array(pinned),
  /**
   * Patches in the trees of other sources, applied after the recipe's own, with the holes that each closes. Missing if there are
   * none, and in older manifests.
   */
  sourcePatches: z
    .array(z.object({ source: z.string(), path: z.string(), resolves: z.array(z.string()) }))
    .optional(),
  /** Copies of other projects in the sources. Missing if there are none, and in older manifests. */
  bundles: z.array(bundle).optional(),
});

/** Manifests of layersmith 0.1.0 spell the key `licence`. They stay readable; only `license` is written. */
const stageOfAnyRelease = z.preprocess((value) => {
  if (typeof value !== 'object' || value === null || !('licence' in value)) return value;
  const { licence, ...rest } = value;
  return { license: licence, ...rest };
}, stage);

/** The schema of the manifest. The record beside the zip extends it. */
export const manifestSchema = z.object({
  /** Version 1 also had the version of layersmith and the stages' keys, which did not describe the content. */
  schemaVersion: z.union([z.literal(1), z.literal(2)]),
  recipe: z.string(),
  version: z.string(),
  /** The name of the runtime: `php`. Missing in older manifests: see `interpreterOf`. */
  interpreter: z.string().optional(),
  /** The names of the recipes of its extensions, in the order in which the interpreter loads them. */
  extensions: z.array(z.string()).optional(),
  /** The mode of functions on the layer that set none themselves. Missing for `function`, and in older manifests. */
  mode: z.enum(LAYER_MODES).optional(),
  /** Settings of the interpreter that the layer's definition makes. */
  ini: z.record(z.string(), z.string()).optional(),
  /** Files that the layer's definition adds, by their paths below `/opt`. */
  files: z.array(z.object({ path: z.string(), sha256, executable: z.literal(true).optional() })).optional(),
  /** How the interpreter starts. Missing for the default, a random address. */
  start: z.enum(STARTS).optional(),
  platform: z.string(),
  architecture: z.enum(ARCHITECTURES),
  toolchain: z.object({
    kind: z.enum(['amazonlinux', 'debian']),
    digest: z.string(),
    /** The packages of the toolchain image, sorted by name. */
    packages: z.array(z.object({ name: z.string(), version: z.string() })),
  }),
  /** Each stage comes after its needs. `recipe` and `extensions` name those that the layer consists of. */
  stages: z.array(stageOfAnyRelease).min(1),
});

/**
 * The record of a layer's content, inside the zip. It contains nothing about the run or the tool that created it (no time, no
 * reason for a choice, no test result, no version of layersmith): the same content gives the same bytes.
 */
export type Manifest = z.infer<typeof manifestSchema>;
/** One stage of a manifest. */
export type ManifestStage = Manifest['stages'][number];

/** A copy of another project in a stage's sources. */
export type ManifestBundle = NonNullable<ManifestStage['bundles']>[number];

/** Returns the name of the layer's runtime. Older manifests lack it; there the recipe's package is the name: php or lua. */
export function interpreterOf({ interpreter, recipe }: Pick<Manifest, 'interpreter' | 'recipe'>): string {
  return interpreter ?? recipe.replace(/\/.*$/, '');
}

/** Returns the path of the program that the layer's definition chose to be at a fixed address. Undefined if it chose none. */
export function programAtFixedAddress(
  manifest: Pick<Manifest, 'start' | 'interpreter' | 'recipe'>,
): string | undefined {
  return manifest.start === 'fastest' ? `bin/${interpreterOf(manifest)}` : undefined;
}

/** Formats the manifest as JSON with two spaces, keys in the order of the schema, and a newline. */
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

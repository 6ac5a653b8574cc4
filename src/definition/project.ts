import { lstat, readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { RecipeError } from '../core/errors.js';
import { kindOf } from '../core/file-system.js';
import { isPublicKey, type PublicKey } from '../core/signing-key.js';
import { parseYaml } from '../core/yaml-file.js';
import type { Position } from '../recipe/recipe.js';
import { layerDefinitions, layerName, layerSchema, type LayerDefinition } from './layer-definition.js';

/** The user's own files. Its recipes and platforms override the built-in ones, and its lock file is committed. */
export interface Project {
  /** The nearest folder with a `layersmith.yaml`, from the working directory upwards; else the working directory. */
  readonly folder: string;
  /** `recipes/` in that folder, if it exists. Without a `layersmith.yaml`, only if it holds a recipe. */
  readonly recipes: string | undefined;
  /** `platforms/` in that folder, if it exists. Without a `layersmith.yaml`, only if it holds a platform. */
  readonly platforms: string | undefined;
  /** `layersmith.lock` in that folder, which may not exist. */
  readonly lock: string;
  /** URLs of Debian mirrors, tried in order before the host's own: `mirrors` in `layersmith.yaml`. */
  readonly mirrors: readonly string[];
  /** The store that machines share, `s3://BUCKET/PREFIX` or a folder: `store` in `layersmith.yaml`. */
  readonly store: string | undefined;
  /** The public keys whose signatures count, by the names that the project gives them: `trustedKeys` in `layersmith.yaml`. */
  readonly trustedKeys: ReadonlyMap<string, PublicKey>;
  /** The folder of advisories that builds are compared with: `advisories` in `layersmith.yaml`. It may not exist. */
  readonly advisories: { readonly folder: string; readonly position: Position } | undefined;
  /** The layers that the project defines: `layers` in `layersmith.yaml`. */
  readonly layers: readonly LayerDefinition[];
}

const NO_STORE = 'neither s3://BUCKET/PREFIX nor a folder';
const NO_KEY = 'not a public key: 32 bytes in base64, as `layersmith keys new` prints them';

/** The schema of layersmith.yaml. */
export const projectSchema = z.strictObject({
  mirrors: z.array(z.url({ protocol: /^https?$/ })).default([]),
  store: z
    .string()
    .regex(/^(s3:\/\/[a-z0-9][a-z0-9.-]+[a-z0-9](\/.*)?|(?![A-Za-z0-9+.-]+:).+)$/, NO_STORE)
    .optional(),
  trustedKeys: z
    .record(
      z.string().min(1),
      z
        .string()
        .regex(/^[A-Za-z0-9+/]{43}=$/, NO_KEY)
        .refine(isPublicKey, NO_KEY),
    )
    .default({}),
  advisories: z.string().min(1).optional(),
  layers: z.record(layerName, layerSchema).default({}),
});

/** The file name of the project file. */
export const DEFINITION_FILE = 'layersmith.yaml';
/** The file name of the lock. */
export const LOCK_FILE = 'layersmith.lock';

/** The files that tell layersmith's folders from other folders of the same name: how deep they are, and their required keys. */
const OURS = {
  recipes: { depth: 2, keys: [/^version\s*:/m, /^sources\s*:/m] },
  platforms: { depth: 1, keys: [/^glibc\s*:/m] },
} as const;

/**
 * Finds the project that the working directory belongs to. Above the working directory, a `layersmith.yaml` counts only if
 * the user with the id `uid` or root owns it: in a folder such as /tmp, another user could have put one there. Throws RecipeError
 * for an invalid `layersmith.yaml`.
 */
export async function findProject(workingDirectory: string, uid = process.getuid?.()): Promise<Project> {
  const defined = await folderAbove(workingDirectory, uid);
  const folder = defined ?? workingDirectory;
  const within = async (name: keyof typeof OURS): Promise<string | undefined> => {
    const path = join(folder, name);
    if ((await kindOf(path)) !== 'folder') return undefined;
    return defined !== undefined || (await holdsOurs(path, OURS[name])) ? path : undefined;
  };
  return {
    folder,
    recipes: await within('recipes'),
    platforms: await within('platforms'),
    lock: join(folder, LOCK_FILE),
    ...(defined === undefined ? NOTHING : await readDefinitions(folder)),
  };
}

type Definitions = Pick<Project, 'mirrors' | 'store' | 'trustedKeys' | 'advisories' | 'layers'>;

const NOTHING: Definitions = {
  mirrors: [],
  store: undefined,
  trustedKeys: new Map(),
  advisories: undefined,
  layers: [],
};

async function readDefinitions(folder: string): Promise<Definitions> {
  const file = join(folder, DEFINITION_FILE);
  const text = await readFile(file, 'utf8');
  // A file without content is valid: it marks the project's folder.
  if (/^(\s|#.*)*$/.test(text)) return NOTHING;
  const parsed = parseYaml(text, { file, schema: projectSchema });
  if (!parsed.ok) throw new RecipeError(parsed.problems, { what: DEFINITION_FILE });
  const { mirrors, store, trustedKeys, advisories, layers } = parsed.value;
  const position = { file, ...parsed.locate(['advisories']) };
  return {
    mirrors,
    store,
    trustedKeys: new Map(Object.entries(trustedKeys)),
    advisories: advisories === undefined ? undefined : { folder: resolve(folder, advisories), position },
    layers: layerDefinitions(layers, { folder, file, locate: parsed.locate }),
  };
}

async function folderAbove(start: string, uid: number | undefined): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, DEFINITION_FILE);
    const isTrusted =
      folder === start || uid === undefined || [0, uid].includes((await ownerOf(path)) ?? uid);
    if (isTrusted && ![undefined, 'folder'].includes(await kindOf(path))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

async function holdsOurs(
  folder: string,
  { depth, keys }: { readonly depth: number; readonly keys: readonly RegExp[] },
): Promise<boolean> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (depth > 1) {
      if (await holdsOurs(path, { depth: depth - 1, keys })) return true;
    } else if (name.endsWith('.yaml')) {
      const text = await readFile(path, 'utf8').catch(() => '');
      if (keys.every((key) => key.test(text))) return true;
    }
  }
  return false;
}

async function ownerOf(path: string): Promise<number | undefined> {
  return (await lstat(path).catch(() => undefined))?.uid;
}

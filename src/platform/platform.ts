import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RecipeError, UsageError } from '../core/errors.js';
import { didYouMean } from '../core/nearest-names.js';
import { parseYaml } from '../core/yaml-file.js';

/** The names of Lambda's architectures. */
export const ARCHITECTURES = ['x86_64', 'arm64'] as const;
/** One of Lambda's architectures. */
export type Architecture = (typeof ARCHITECTURES)[number];

/** What compilers and configure scripts call an architecture. */
export const TRIPLES: Readonly<Record<Architecture, string>> = {
  x86_64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};

/** What a layer is built for: a Lambda runtime and an architecture. */
export interface Platform {
  /** `provided.al2023`. */
  readonly name: string;
  readonly architecture: Architecture;
  /** The glibc version of the runtime, `2.34`. */
  readonly glibc: string;
  /** `2029-06-30`: the last day on which its operating system is supported. */
  readonly endOfLife: string;
  /** The base image of `Dockerfile.amazonlinux`, and the release that its packages come from. */
  readonly toolchain: { readonly base: string; readonly release: string };
  /** The image that smoke tests run in. */
  readonly runtime: string;
}

const forArchitectures = z.strictObject({
  all: z.array(z.string()).default([]),
  x86_64: z.array(z.string()).default([]),
  arm64: z.array(z.string()).default([]),
});

const abiSchema = z.strictObject({
  /** The next older platform, whose ABI this one includes. */
  extends: z.string().optional(),
  newest: z.record(z.string(), z.string().regex(/^\d+(\.\d+)*$/, 'a version is numbers and dots, quoted')),
  named: z.array(z.string()).default([]),
  libraries: forArchitectures.prefault({}),
  present: forArchitectures.prefault({}),
  interpreters: z.array(z.string().startsWith('/')).default([]),
});

/** The schema of platforms/NAME.yaml. */
export const platformSchema = z.strictObject({
  glibc: z.string().regex(/^\d+\.\d+$/, 'two numbers, quoted: "2.34"'),
  endOfLife: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a date is YYYY-MM-DD'),
  toolchain: z.strictObject({ base: z.string(), release: z.string() }),
  runtime: z.string(),
  abi: abiSchema,
});

/** The content of `platforms/NAME.yaml`. */
export type PlatformFile = z.infer<typeof platformSchema>;

/** Folders of platform files, such as `platforms/`. Earlier folders override later ones. */
export type PlatformFolders = readonly string[];

/** Returns the sorted names of all platforms. */
export async function platformNames(folders: PlatformFolders): Promise<string[]> {
  return [...(await platformPaths(folders)).keys()].sort();
}

async function platformPaths(folders: PlatformFolders): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  for (const folder of folders) {
    for (const file of await readdir(folder)) {
      const name = file.slice(0, -'.yaml'.length);
      if (file.endsWith('.yaml') && !paths.has(name)) paths.set(name, join(folder, file));
    }
  }
  return paths;
}

/**
 * Loads a platform from `platforms/NAME.yaml`. With `registry`, images come from that host (`127.0.0.1:5000`, a
 * pull-through mirror) instead of the one in the file. Throws UsageError for an unknown name and RecipeError for an
 * invalid file.
 */
export async function loadPlatform(
  name: string,
  options: {
    readonly folders: PlatformFolders;
    readonly architecture: Architecture;
    readonly registry: string | undefined;
  },
): Promise<Platform> {
  const { glibc, endOfLife, toolchain, runtime } = await readPlatformFile(name, options.folders);
  return {
    name,
    architecture: options.architecture,
    glibc,
    endOfLife,
    toolchain: { ...toolchain, base: onRegistry(toolchain.base, options.registry) },
    runtime: onRegistry(runtime, options.registry),
  };
}

/** Reads `platforms/NAME.yaml`. Throws UsageError for an unknown name and RecipeError for an invalid file. */
export async function readPlatformFile(name: string, folders: PlatformFolders): Promise<PlatformFile> {
  const file = (await platformPaths(folders)).get(name);
  if (file === undefined) {
    const names = await platformNames(folders);
    throw new UsageError(`there is no platform ${name}.${didYouMean(name, names)}`, {
      hint: `Use one of the platforms ${names.join(', ')}.`,
    });
  }
  const parsed = parseYaml(await readFile(file, 'utf8'), { file, schema: platformSchema });
  if (!parsed.ok) throw new RecipeError(parsed.problems);
  return parsed.value;
}

function onRegistry(image: string, registry: string | undefined): string {
  return registry === undefined ? image : `${registry}/${image.slice(image.indexOf('/') + 1)}`;
}

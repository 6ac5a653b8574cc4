import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../core/atomic-file.js';
import { IntegrityError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import type { Platform } from '../platform/platform.js';
import type { Package } from './image-packages.js';
import type { Toolchain, ToolchainKind } from './toolchain.js';

/** The state of a toolchain when it was locked: the digests of its images, and the packages of the one with the compilers. */
export interface LockEntry {
  readonly toolchain: string;
  readonly runtime: string;
  /** Sorted by name. */
  readonly packages: readonly Package[];
  /** The files of each image that its packages do not determine; undefined if they were not recorded (Amazon Linux). */
  readonly files: LockedFiles | undefined;
}

/** A short digest of each file that the packages of an image do not determine, by path. */
export interface LockedFiles {
  readonly toolchain: ReadonlyMap<string, string>;
  readonly runtime: ReadonlyMap<string, string>;
}

/** The entries of `layersmith.lock`, by platform, architecture and kind of toolchain (`lockKey`). */
export type LockFile = ReadonlyMap<string, LockEntry>;

const filesSchema = z.record(z.string(), z.string()).transform((files) => new Map(Object.entries(files)));

const entrySchema = z
  .strictObject({
    toolchain: z.string(),
    runtime: z.string(),
    packages: z.record(z.string(), z.string()),
    files: z.strictObject({ toolchain: filesSchema, runtime: filesSchema }).optional(),
  })
  .transform(({ packages, files, ...digests }): LockEntry => ({
    ...digests,
    packages: Object.entries(packages).map(([name, version]) => ({ name, version })),
    files,
  }));

const lockSchema = z.strictObject({
  schemaVersion: z.literal(1),
  toolchains: z.record(z.string(), entrySchema),
});

/** Returns the key of a lock entry: `provided.al2023 x86_64 debian`. */
export function lockKey({ name, architecture }: Platform, kind: ToolchainKind): string {
  return `${name} ${architecture} ${kind}`;
}

/** Reads a lock file. A missing file has no entries. Throws UsageError for an invalid one. */
export async function readLock(path: string): Promise<LockFile> {
  try {
    const { toolchains } = lockSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return new Map(Object.entries(toolchains));
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return new Map();
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new UsageError(`the lock file ${path} is not valid: ${reason ?? ''}`, {
      hint: 'Restore it from version control, or remove it and run `layersmith lock`.',
      cause,
    });
  }
}

/** Writes a lock file with sorted entries. */
export async function writeLock(path: string, lock: LockFile): Promise<void> {
  const toolchains = [...lock]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { packages, files, ...digests }]) => {
      const versions = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
      const recorded = files && {
        toolchain: Object.fromEntries(files.toolchain),
        runtime: Object.fromEntries(files.runtime),
      };
      return [key, { ...digests, packages: versions, files: recorded }] as const;
    });
  const text = JSON.stringify({ schemaVersion: 1, toolchains: Object.fromEntries(toolchains) }, undefined, 2);
  await writeFileAtomically(path, `${text}\n`);
}

/**
 * Lists the differences between a locked toolchain and another, one per line: packages first, then files, then digests.
 */
export function lockDifferences(locked: LockEntry, here: LockEntry): readonly string[] {
  const files = (image: 'toolchain' | 'runtime'): readonly string[] =>
    locked.files === undefined || here.files === undefined
      ? []
      : fileDifferences(locked.files[image], here.files[image]).map((line) => `${image} image: ${line}`);
  const digest = (image: 'toolchain' | 'runtime'): readonly string[] =>
    locked[image] === here[image] ? [] : [`${image} image ${locked[image]} → ${here[image]}`];
  return [
    ...packageDifferences(locked.packages, here.packages),
    ...files('toolchain'),
    ...files('runtime'),
    ...digest('toolchain'),
    ...digest('runtime'),
  ];
}

function fileDifferences(
  locked: ReadonlyMap<string, string>,
  here: ReadonlyMap<string, string>,
): readonly string[] {
  return [...new Set([...locked.keys(), ...here.keys()])].sort().flatMap((path) => {
    const [before, after] = [locked.get(path), here.get(path)];
    if (before === after) return [];
    if (before === undefined) return [`${path} was added`];
    return [after === undefined ? `${path} is missing` : `${path} differs`];
  });
}

/** A warning names this many differences. */
const SHOWN = 3;

/**
 * Compares a toolchain with its entry in the lock file. Returns a message that names the differences, or undefined if there
 * are none or the lock has no entry for it. With `locked`, a difference or a missing entry throws IntegrityError instead.
 * `own` is the project's part of the lock.
 */
export async function checkLock(
  { lock, path, own = lock }: { readonly lock: LockFile; readonly path: string; readonly own?: LockFile },
  {
    platform,
    toolchain,
    describe,
    locked,
  }: {
    readonly platform: Platform;
    readonly toolchain: Toolchain;
    /** Reads the images, which takes seconds; called only when a digest differs. */
    readonly describe: () => Promise<LockEntry>;
    readonly locked: boolean;
  },
): Promise<string | undefined> {
  const key = lockKey(platform, toolchain.kind);
  const entry = lock.get(key);
  if (entry === undefined) {
    if (!locked) return undefined;
    throw new IntegrityError(`--locked: the lock file has no toolchain for ${key}`, {
      hint: `Run \`layersmith lock\` with the same --platform, --arch and --toolchain, and commit ${path}.`,
    });
  }
  if (entry.toolchain === toolchain.buildImage.digest && entry.runtime === toolchain.runtimeImage.digest)
    return undefined;
  const differences = lockDifferences(entry, await describe());
  if (locked) {
    throw new IntegrityError(`--locked: the toolchain differs from ${path}`, {
      details: { differences },
      hint: 'Use a mirror that still has the locked packages, or accept the new toolchain with `layersmith lock`.',
    });
  }
  const more = differences.length - SHOWN;
  const which = own.has(key) ? path : 'the lock that comes with layersmith';
  return `the toolchain differs from ${which}: ${differences.slice(0, SHOWN).join('; ')}${more > 0 ? `; and ${more} more (\`layersmith lock --check\` lists them)` : ''}`;
}

/** Checks the runtime image against the lock file. Throws IntegrityError if the lock has another one, or none. */
export function checkLockedRuntime(
  { lock, path }: { readonly lock: LockFile; readonly path: string },
  {
    platform,
    chosen,
  }: { readonly platform: Platform; readonly chosen: Pick<Toolchain, 'kind' | 'runtimeImage'> },
): void {
  const key = lockKey(platform, chosen.kind);
  const locked = lock.get(key)?.runtime;
  if (locked === chosen.runtimeImage.digest) return;
  throw new IntegrityError(`--locked: the runtime image for ${key} differs from ${path}`, {
    details: { expected: locked ?? 'no entry', actual: chosen.runtimeImage.digest },
    hint: 'List the differences with `layersmith lock --check`, or accept the new image with `layersmith lock`.',
  });
}

/** Lists the packages that differ: `gcc-10 10.2.1-6 → 10.2.1-7`. */
export function packageDifferences(then: readonly Package[], here: readonly Package[]): readonly string[] {
  const [old, now] = [then, here].map((list) => new Map(list.map(({ name, version }) => [name, version])));
  const names = [...new Set([...then, ...here].map(({ name }) => name))].sort();
  return names.flatMap((name) => {
    const [before, after] = [old?.get(name), now?.get(name)];
    return before === after ? [] : [`${name} ${before ?? 'none'} → ${after ?? 'none'}`];
  });
}

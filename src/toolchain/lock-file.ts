import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../core/atomic-file.js';
import { IntegrityError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import type { Platform } from '../platform/platform.js';
import type { Package } from './image-packages.js';
import type { Toolchain, ToolchainKind } from './toolchain.js';

/** What a toolchain was when it was locked: the digests of its images, and the packages of the one with the compilers. */
export interface LockEntry {
  readonly toolchain: string;
  readonly runtime: string;
  /** Sorted by name. */
  readonly packages: readonly Package[];
}

/** `platforms/lock.json`, by platform, architecture and kind of toolchain. */
export type LockFile = ReadonlyMap<string, LockEntry>;

const entrySchema = z
  .strictObject({ toolchain: z.string(), runtime: z.string(), packages: z.record(z.string(), z.string()) })
  .transform(({ packages, ...digests }): LockEntry => ({
    ...digests,
    packages: Object.entries(packages).map(([name, version]) => ({ name, version })),
  }));

const lockSchema = z.strictObject({
  schemaVersion: z.literal(1),
  toolchains: z.record(z.string(), entrySchema),
});

/** `provided.al2023 x86_64 debian`. */
export function lockKey({ name, architecture }: Platform, kind: ToolchainKind): string {
  return `${name} ${architecture} ${kind}`;
}

/** Reads a lock file; one that is not there locks nothing. Throws UsageError for one that cannot be understood. */
export async function readLock(path: string): Promise<LockFile> {
  try {
    const { toolchains } = lockSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return new Map(Object.entries(toolchains));
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return new Map();
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new UsageError(`the lock file ${path} cannot be understood: ${reason ?? ''}`, {
      hint: 'Take it from your version control again, or remove it and let `layersmith lock` write it anew.',
      cause,
    });
  }
}

/** Writes a lock file, its entries sorted. */
export async function writeLock(path: string, lock: LockFile): Promise<void> {
  const toolchains = [...lock]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { packages, ...digests }]) => {
      const versions = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
      return [key, { ...digests, packages: versions }] as const;
    });
  const text = JSON.stringify({ schemaVersion: 1, toolchains: Object.fromEntries(toolchains) }, undefined, 2);
  await writeFileAtomically(path, `${text}\n`);
}

/** The entry that a toolchain would have. */
export function lockEntryOf(toolchain: Toolchain, packages: readonly Package[]): LockEntry {
  return { toolchain: toolchain.toolchain.digest, runtime: toolchain.runtime.digest, packages };
}

/** What differs between a locked toolchain and another, a line for each; none when they are the same. */
export function lockDifferences(locked: LockEntry, here: LockEntry): readonly string[] {
  const packages = packageDifferences(locked.packages, here.packages);
  const digest = (what: string, then: string, now: string): readonly string[] =>
    then === now ? [] : [`${what} ${then} → ${now}`];
  return [
    ...packages,
    ...digest('toolchain image', locked.toolchain, here.toolchain),
    ...digest('runtime image', locked.runtime, here.runtime),
  ];
}

/** As many differences are told in a warning. */
const SHOWN = 5;

/**
 * Compares a toolchain with its entry of the lock file. What differs is named in the warning that this gives; with `locked`,
 * in an IntegrityError, which a missing entry is then too.
 */
export function checkLock(
  lock: LockFile,
  {
    platform,
    toolchain,
    packages,
    locked,
  }: {
    readonly platform: Platform;
    readonly toolchain: Toolchain;
    readonly packages: readonly Package[];
    readonly locked: boolean;
  },
): string | undefined {
  const key = lockKey(platform, toolchain.kind);
  const entry = lock.get(key);
  if (entry === undefined) {
    if (!locked) return undefined;
    throw new IntegrityError(`--locked: the lock file has no toolchain for ${key}`, {
      hint: 'Write it with `layersmith lock` (the same --platform, --arch and --toolchain), and commit platforms/lock.json.',
    });
  }
  const differences = lockDifferences(entry, lockEntryOf(toolchain, packages));
  if (differences.length === 0) return undefined;
  if (locked) {
    throw new IntegrityError('--locked: the toolchain is not the one of the lock file', {
      details: { differences },
      hint: 'Build where the mirror still has those packages, or take the new ones with `layersmith lock`.',
    });
  }
  const more = differences.length - SHOWN;
  return `the toolchain is not the one of platforms/lock.json: ${differences.slice(0, SHOWN).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** `gcc-10 10.2.1-6 → 10.2.1-7`, one for each package that differs. */
export function packageDifferences(then: readonly Package[], here: readonly Package[]): readonly string[] {
  const [old, now] = [then, here].map((list) => new Map(list.map(({ name, version }) => [name, version])));
  const names = [...new Set([...then, ...here].map(({ name }) => name))].sort();
  return names.flatMap((name) => {
    const [before, after] = [old?.get(name), now?.get(name)];
    return before === after ? [] : [`${name} ${before ?? 'none'} → ${after ?? 'none'}`];
  });
}

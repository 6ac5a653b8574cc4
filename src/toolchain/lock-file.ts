import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../core/atomic-file.js';
import { IntegrityError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { describeParseError } from '../core/parse-error.js';
import type { Architecture, Platform } from '../platform/platform.js';
import { formatPin, packageOf, parsePin, type DebianPackage } from './debian-package.js';
import { packageDifferences, type Package } from './image-packages.js';
import { isPublishedReference, manifestDigest, type PublishedReference } from './published-reference.js';
import type { ImageRole, Toolchain, ToolchainKind } from './toolchain.js';

/** An image as it was locked. */
export interface LockedImage {
  /** Of its content: the same wherever it is made. */
  readonly digest: string;
  /** Where `lock --push` put it. Everyone pulls it by the digest of its manifest, which then is the one in stage keys. */
  readonly image?: PublishedReference | undefined;
  /** The packages of a `debian` image, from which it is made; empty for others. */
  readonly files: readonly DebianPackage[];
  /** The packages of an `amazonlinux-toolchain` image, sorted by name, for messages; empty for others. */
  readonly packages: readonly Package[];
}

/** The images of `layersmith.lock`, by their keys (`lockKey`). */
export type LockFile = ReadonlyMap<string, LockedImage>;

/** What `lockKey` depends on. */
export interface LockedFor {
  readonly kind: ToolchainKind;
  readonly platform: Pick<Platform, 'name' | 'architecture'>;
  /** The architecture of the engine, on which the embedded toolchain's compilers run. */
  readonly machine: Architecture;
}

const SCHEMA_VERSION = 2;

const imageSchema = z.strictObject({
  digest: z.string(),
  image: z.string().refine(isPublishedReference, 'not REGISTRY/REPOSITORY@sha256:…').optional(),
  files: z
    .array(
      z.string().transform((line, context) => {
        const file = parsePin(line);
        if (file !== undefined) return file;
        context.addIssue(`not a package: ${line}`);
        return z.NEVER;
      }),
    )
    .default([]),
  packages: z
    .record(z.string(), z.string())
    .default({})
    .transform((packages) => Object.entries(packages).map(([name, version]) => ({ name, version }))),
});

const lockSchema = z.strictObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  images: z.record(z.string(), imageSchema),
  /** The releases of lines: `php/8.4` to `8.4.28`. */
  releases: z.record(z.string(), z.string()).default({}),
});

/**
 * Returns the key of an image: `debian-toolchain x86_64` by the machine that compiles, for every platform; `debian-runtime
 * arm64` by the architecture that runs; `amazonlinux-toolchain provided.al2023 x86_64`.
 */
export function lockKey(role: ImageRole, { kind, platform, machine }: LockedFor): string {
  if (kind === 'amazonlinux') return `${kind}-${role} ${platform.name} ${platform.architecture}`;
  return debianKey({ role, architecture: role === 'toolchain' ? machine : platform.architecture });
}

/** Returns the key of an image of the embedded toolchain. */
export function debianKey(image: { readonly role: ImageRole; readonly architecture: Architecture }): string {
  return `debian-${image.role} ${image.architecture}`;
}

/** Returns the digest of a locked image in stage keys: that of its manifest, or of its content if it was not pushed. */
export function digestInKeys({ digest, image }: LockedImage): string {
  return image === undefined ? digest : manifestDigest(image);
}

/** Reports whether a lock has both images of a kind of toolchain. */
export function isLocked(lock: LockFile, wanted: LockedFor): boolean {
  return lock.has(lockKey('toolchain', wanted)) && lock.has(lockKey('runtime', wanted));
}

/** Everything in a lock file. */
export interface LockContent {
  readonly images: LockFile;
  /** The releases, by the names of their lines. */
  readonly releases: ReadonlyMap<string, string>;
}

/** Reads a lock file. A missing file has nothing. Throws UsageError for an invalid one. */
export async function readLockContent(path: string): Promise<LockContent> {
  const { images, releases } = await readContent(path);
  return { images: new Map(Object.entries(images)), releases: new Map(Object.entries(releases)) };
}

/** Reads the images of a lock file. Throws like `readLockContent`. */
export async function readLock(path: string): Promise<LockFile> {
  return (await readLockContent(path)).images;
}

/** Reads the releases of a lock file. Throws like `readLockContent`. */
export async function readLockedReleases(path: string): Promise<LockContent['releases']> {
  return (await readLockContent(path)).releases;
}

async function readContent(path: string): Promise<z.infer<typeof lockSchema>> {
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'));
    return lockSchema.parse(content);
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return { schemaVersion: SCHEMA_VERSION, images: {}, releases: {} };
    throw new UsageError(`the lock file ${path} is not valid: ${describeParseError(cause)}`, {
      hint: 'Restore it from version control, or remove it and run `layersmith lock`: older releases wrote another format.',
      cause,
    });
  }
}

/** Writes a lock file with sorted images and releases. It has a part for releases only if there are any. */
export async function writeLock(
  path: string,
  lock: LockFile,
  releases: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  const images = [...lock]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { digest, image, files, packages }]) => [
      key,
      {
        digest,
        ...(image !== undefined && { image }),
        ...(files.length > 0 && { files: files.map(formatPin) }),
        ...(packages.length > 0 && {
          packages: Object.fromEntries(packages.map(({ name, version }) => [name, version])),
        }),
      },
    ]);
  const text = JSON.stringify(
    {
      schemaVersion: SCHEMA_VERSION,
      images: Object.fromEntries(images) as unknown,
      ...(releases.size > 0 && {
        releases: Object.fromEntries([...releases].sort(([a], [b]) => (a < b ? -1 : 1))),
      }),
    },
    undefined,
    2,
  );
  await writeFileAtomically(path, `${text}\n`);
}

/**
 * Lists the differences between a locked image and the one here, one per line: packages first, then the digest.
 */
export function lockDifferences(locked: LockedImage, here: LockedImage): readonly string[] {
  if (locked.digest === here.digest) return [];
  const then = packagesIn(locked);
  const now = locked.files.length === 0 ? here.packages : packagesIn(here).map(withoutEpoch);
  return [
    ...(then.length > 0 ? packageDifferences(then, now) : []),
    `image ${locked.digest} → ${here.digest}`,
  ];
}

function packagesIn({ files, packages }: LockedImage): readonly Package[] {
  return files.length > 0 ? files.map(packageOf) : packages;
}

/** File names have no epoch (`1:` in `1:2.40-2`). */
function withoutEpoch({ name, version }: Package): Package {
  return { name, version: version.replace(/^\d+:/, '') };
}

/** A warning names this many differences. */
const SHOWN = 3;

/**
 * Compares a toolchain with the lock file. Returns a message that names the differences, or undefined if there are none or the
 * lock does not have it. With `locked`, a difference or a missing image throws IntegrityError instead. `own` is the project's
 * part of the lock.
 */
export async function checkLock(
  { lock, path, own = lock }: { readonly lock: LockFile; readonly path: string; readonly own?: LockFile },
  {
    platform,
    machine,
    toolchain,
    packagesOf,
    locked,
  }: {
    readonly platform: Pick<Platform, 'name' | 'architecture'>;
    readonly machine: Architecture;
    readonly toolchain: Toolchain;
    /** Lists the packages of an image; called only when a digest differs. */
    readonly packagesOf: (image: {
      readonly id: string;
      readonly digest: string;
    }) => Promise<readonly Package[]>;
    readonly locked: boolean;
  },
): Promise<string | undefined> {
  const wanted: LockedFor = { kind: toolchain.kind, platform, machine };
  if (!isLocked(lock, wanted)) {
    if (!locked) return undefined;
    throw missingFromLock(wanted, path);
  }
  const differences: string[] = [];
  for (const [role, image] of [
    ['toolchain', toolchain.buildImage],
    ['runtime', toolchain.runtimeImage],
  ] as const) {
    const entry = lock.get(lockKey(role, wanted));
    if (entry === undefined || digestInKeys(entry) === image.digest) continue;
    const here = { digest: image.digest, files: [], packages: await packagesOf(image) };
    differences.push(...lockDifferences(entry, here).map((line) => `${role}: ${line}`));
  }
  if (differences.length === 0) return undefined;
  if (locked) {
    throw new IntegrityError(`--locked: the toolchain differs from ${path}`, {
      details: { differences },
      hint: 'Use a mirror that still has the locked packages, or accept the new toolchain with `layersmith lock`.',
    });
  }
  const more = differences.length - SHOWN;
  const which = own.has(lockKey('toolchain', wanted)) ? path : 'the lock that comes with layersmith';
  return `the toolchain differs from ${which}: ${differences.slice(0, SHOWN).join('; ')}${more > 0 ? `; and ${more} more (\`layersmith lock --check\` lists them)` : ''}`;
}

function missingFromLock({ kind, platform, machine }: LockedFor, path: string): IntegrityError {
  return new IntegrityError(
    `--locked: the lock file has no ${kind} toolchain for ${platform.name} ${platform.architecture} on ${machine}`,
    { hint: `Run \`layersmith lock\` with the same --platform, --arch and --toolchain, and commit ${path}.` },
  );
}

/** Checks the runtime image against the lock file. Throws IntegrityError if the lock has another one, or none. */
export function checkLockedRuntime(
  { lock, path }: { readonly lock: LockFile; readonly path: string },
  {
    platform,
    machine,
    chosen,
  }: {
    readonly platform: Pick<Platform, 'name' | 'architecture'>;
    readonly machine: Architecture;
    readonly chosen: Pick<Toolchain, 'kind' | 'runtimeImage'>;
  },
): void {
  const key = lockKey('runtime', { kind: chosen.kind, platform, machine });
  const entry = lock.get(key);
  const locked = entry && digestInKeys(entry);
  if (locked === chosen.runtimeImage.digest) return;
  throw new IntegrityError(`--locked: the image ${key} differs from ${path}`, {
    details: { expected: locked ?? 'no entry', actual: chosen.runtimeImage.digest },
    hint: 'List the differences with `layersmith lock --check`, or accept the new image with `layersmith lock`.',
  });
}

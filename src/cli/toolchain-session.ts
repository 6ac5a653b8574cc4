import { access } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { LayersmithError, StageError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { findProject, LOCK_FILE } from '../definition/project.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { ownerLabels } from '../engine/owned-containers.js';
import type { Architecture, Platform } from '../platform/platform.js';
import type { PinnedFile } from '../recipe/source.js';
import { hostMirrors, type DebianMirror } from '../source/debian/debian-mirror.js';
import { resolvePackages } from '../source/debian/resolve-packages.js';
import { createSourceFetcher } from '../source/source-fetcher.js';
import type { Store } from '../store/store.js';
import { presentToolchain, type ChooseOptions } from '../toolchain/choose-toolchain.js';
import { knownDebianImage, type DebianImage, type DebianOptions } from '../toolchain/debian.js';
import { debName, type DebianPackage } from '../toolchain/debian-package.js';
import { machineOf } from '../engine/machine.js';
import {
  debianKey,
  isLocked,
  lockKey,
  readLock,
  readLockContent,
  type LockContent,
  type LockFile,
} from '../toolchain/lock-file.js';
import { manifestDigest } from '../toolchain/published-reference.js';
import {
  TOOLCHAIN_KINDS,
  type Toolchain,
  type ToolchainImage,
  type ToolchainKind,
} from '../toolchain/toolchain.js';
import type { Io } from './io.js';
import { downloadSettings, engineFor, namedMirrors, proxiesOf, type FetcherArgs } from './session.js';

/** Time limit for an answer of the image registry. */
const REGISTRY_TIMEOUT_MS = 8_000;

/** Returns the options for choosing a toolchain: the locked one, unless `fresh`. */
export async function toolchainOptions(
  io: Io,
  args: {
    readonly toolchain: ToolchainKind | undefined;
    readonly offline: boolean;
    readonly sources?: string | undefined;
  },
  parts: {
    readonly engine: ContainerEngine;
    readonly platform: Platform;
    readonly store: Store;
    readonly reporter: Reporter;
    readonly fresh?: boolean;
    /** The machine that compiles, if it is not the engine's. */
    readonly machine?: Architecture | undefined;
  },
): Promise<ChooseOptions> {
  const { fresh = false, engine, platform, store, reporter } = parts;
  const machine = parts.machine ?? machineOf(await engine.info(io.signal));
  const { lock, own } = await openLock(io);
  const asked = args.toolchain === undefined ? undefined : `set by --toolchain ${args.toolchain}`;
  const kind = args.toolchain ?? (fresh ? undefined : lockedKind(own, { platform, machine }));
  return {
    fresh,
    engine,
    platform,
    machine,
    packageRoot: io.packageRoot,
    dockerfile: dockerfileOf(io),
    pins: pinsOf(lock),
    published: publishedIn(lock, { platform, machine }),
    ...debianSources(io, { offline: args.offline, sources: args.sources }, { store, reporter }),
    tmpDir: store.tmpDir,
    labels: ownerLabels(),
    forced: kind && { kind, reason: asked ?? `locked in ${LOCK_FILE}` },
    offline: args.offline,
    registryTimeoutMs: REGISTRY_TIMEOUT_MS,
    report: reporter.info,
    signal: io.signal,
  };
}

/** Returns the kind of toolchain for the platform whose images a build finds in the engine; undefined if there is none. */
export async function toolchainInEngine(
  io: Io,
  { engine, platform }: { readonly engine: ContainerEngine; readonly platform: Platform },
): Promise<ToolchainKind | undefined> {
  const { lock, own } = await openLock(io);
  const machine = machineOf(await engine.info(io.signal));
  const kind = lockedKind(own, { platform, machine });
  return presentToolchain({
    engine,
    platform,
    machine,
    packageRoot: io.packageRoot,
    pins: pinsOf(lock),
    published: publishedIn(lock, { platform, machine }),
    forced: kind && { kind, reason: `locked in ${LOCK_FILE}` },
    dockerfile: dockerfileOf(io),
    signal: io.signal,
  });
}

/** Returns the embedded toolchain's runtime image for the platform; undefined if the engine does not have it. */
export async function runtimeImageInEngine(
  io: Io,
  { engine, platform }: { readonly engine: ContainerEngine; readonly platform: Platform },
): Promise<ToolchainImage | undefined> {
  const { lock } = await openLock(io);
  const image = { role: 'runtime', architecture: platform.architecture } as const;
  const { packageRoot, signal } = io;
  const published = lock.get(debianKey(image))?.image;
  const found = published && (await engine.inspectImage(published, signal));
  if (published !== undefined && found !== undefined)
    return { id: found.id, digest: manifestDigest(published) };
  return knownDebianImage(image, { engine, packageRoot, pins: pinsOf(lock), signal });
}

function pinsOf(lock: LockFile): (image: DebianImage) => readonly DebianPackage[] {
  return (image) => lock.get(debianKey(image))?.files ?? [];
}

function publishedIn(
  lock: LockFile,
  wanted: { readonly platform: Platform; readonly machine: Architecture },
): ChooseOptions['published'] {
  return (role, kind) => lock.get(lockKey(role, { kind, ...wanted }))?.image;
}

function dockerfileOf(io: Io): string {
  return join(io.packageRoot, 'Dockerfile.amazonlinux');
}

/**
 * Merges the project's lock with the one that comes with layersmith. The project's images take precedence. `path` is the
 * project's lock file, which `layersmith lock` writes.
 */
export async function openLock(io: Io): Promise<{
  readonly path: string;
  readonly lock: LockFile;
  /** The project's images alone. */
  readonly own: LockFile;
  /** What is in the file at `path`. */
  readonly content: LockContent;
}> {
  const { lock: path } = await findProject(io.cwd);
  const builtInPath = join(io.packageRoot, LOCK_FILE);
  const builtIn = await readLock(builtInPath);
  // In layersmith's own checkout the lock that comes with it is nobody's choice of a toolchain.
  const content = await readLockContent(path);
  const own: LockFile = path === builtInPath ? new Map() : content.images;
  return { path, own, content, lock: new Map([...builtIn, ...own]) };
}

/** The kind of toolchain that the project's own lock decides for a platform; undefined where it does not. */
export function lockedKind(
  own: LockFile,
  wanted: { readonly platform: Platform; readonly machine: Architecture },
): ToolchainKind | undefined {
  return TOOLCHAIN_KINDS.find((kind) => isLocked(own, { kind, ...wanted }));
}

/** Returns the architecture of the engine's machine, or of this one if no engine answers. */
export async function machineFor(io: Io): Promise<Architecture> {
  try {
    return machineOf(await (await engineFor(io)).info(io.signal));
  } catch (error) {
    if (!(error instanceof LayersmithError)) throw error;
    return arch() === 'arm64' ? 'arm64' : 'x86_64';
  }
}

/** Reports which images are used, and why. */
export function announce(
  toolchain: Pick<Toolchain, 'kind' | 'reason'>,
  platform: Platform,
  reporter: Reporter,
): void {
  const name = toolchain.kind === 'debian' ? 'embedded Debian 12' : platform.toolchain.base;
  reporter.info(`toolchain: ${name} (${toolchain.reason})`);
}

/** Returns how the files of the embedded toolchain are found and fetched. They are kept with the sources of recipes. */
function debianSources(
  io: Io,
  args: FetcherArgs,
  { store, reporter }: { readonly store: Store; readonly reporter: Reporter },
): Pick<DebianOptions, 'resolve' | 'fetchPackage' | 'fetchUrl'> {
  const env = proxiesOf(io);
  const fetcher = createSourceFetcher({
    ...downloadSettings(io, args, store),
    archives: [],
    allowHttp: true,
    // One line for each of two hundred packages would hide all others.
    report: () => undefined,
  });
  const fetch = async (file: PinnedFile): Promise<string> =>
    (await fetcher.fetch({ name: file.name, alternatives: [file] }, io.signal)).path;
  let mirrors: Promise<readonly DebianMirror[]> | undefined;
  return {
    async resolve({ suite, packages, architecture }) {
      const [mirror] = await debianMirrors(io);
      const keyring = await access(KEYRING).then(
        () => KEYRING,
        () => undefined,
      );
      if (mirror === undefined || keyring === undefined) {
        const what =
          mirror === undefined ? 'no Debian mirror is known here' : 'this host has no Debian archive keys';
        throw new StageError(`cannot look up the packages of the embedded toolchain: ${what}`, {
          hint: 'Install debian-archive-keyring (Debian or Ubuntu) and name a mirror in LAYERSMITH_DEBIAN_MIRROR or as `mirrors` in layersmith.yaml, or use a lock that has the packages.',
        });
      }
      reporter.info(`looking up the packages of Debian 12 for ${architecture}`);
      return resolvePackages({
        ...{ suite, packages, mirror, keyring, env, tmpDir: store.tmpDir, signal: io.signal },
        architecture: architecture === 'arm64' ? 'arm64' : 'amd64',
      });
    },
    async fetchPackage(file) {
      mirrors ??= debianMirrors(io);
      const urls = (await mirrors).map(({ archive }) => `${archive}/${file.path}`);
      return fetch({ name: debName(file), sha256: file.sha256, urls });
    },
    fetchUrl: fetch,
  };
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Returns the Debian mirrors: LAYERSMITH_DEBIAN_MIRROR, the project's, and those of the host's apt sources. */
async function debianMirrors(io: Io): Promise<readonly DebianMirror[]> {
  const named = io.env['LAYERSMITH_DEBIAN_MIRROR'];
  return [
    ...(await namedMirrors(io)),
    ...(named === undefined || named === '' ? await hostMirrors('/etc/apt') : []),
  ];
}

import { createReadStream } from 'node:fs';
import { chmod, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, type Sha256 } from '../core/digest.js';
import { StageError, StorageError } from '../core/errors.js';
import { writingTo } from '../core/file-system.js';
import { processIdentity } from '../core/process-identity.js';
import { runCommand } from '../core/run-command.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { Platform } from '../platform/platform.js';
import type { Package } from './image-packages.js';
import { hasMmdebstrap } from './install-mmdebstrap.js';
import { listRootFileSystem, withoutHost } from './root-file-system.js';
import { DEFINITION_LABEL, DIGEST_LABEL, IMAGE_LABEL, type ToolchainImage } from './toolchain.js';

/** The mirrors of Debian's packages and of its security suites, and the path of the keyring that signs them. */
export interface DebianMirrors {
  readonly main: string;
  readonly security: string | undefined;
  readonly keyring: string;
}

/** What is needed to prepare the embedded toolchain's images. */
export interface DebianOptions {
  readonly engine: ContainerEngine;
  readonly platform: Platform;
  readonly tmpDir: string;
  /** Returns the mirrors. Throws a LayersmithError if the host has none configured. */
  readonly mirrors: () => Promise<DebianMirrors>;
  readonly report: (line: string) => void;
  readonly offline: boolean;
  /** The package versions of the lock file, which are installed if the mirror still has them. */
  readonly pins: readonly Package[];
  /** Bootstraps a new image even if the engine has one, and hides it from builds: for `layersmith lock`. */
  readonly fresh: boolean;
  /** `http_proxy` and similar variables, for programs that download. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** The glibc version of Debian 11, the newest that programs compiled there can require. */
export const DEBIAN_GLIBC = '2.31';

const SUITE = 'bullseye';

/** The format of the images. Images with another format are not used. */
const FORMAT = 'without-host';

const MIRROR = 'the Debian mirror (LAYERSMITH_DEBIAN_MIRROR, else the one in the apt sources)';

type ImageName = 'debian-toolchain' | 'debian-runtime';

/** mmdebstrap's variant and packages for each image: one has the compilers, the other little more than glibc. */
const IMAGES: Readonly<
  Record<ImageName, { readonly variant: string; readonly packages: readonly string[] }>
> = {
  'debian-toolchain': {
    variant: 'minbase',
    packages: [
      'autoconf',
      'automake',
      'bison',
      'bzip2',
      'cmake',
      'g++',
      'gcc',
      'libc6-dev',
      'libtool',
      'm4',
      'make',
      'patch',
      'perl',
      'pkg-config',
      're2c',
      'tcl',
      'xz-utils',
    ],
  },
  'debian-runtime': { variant: 'extract', packages: ['base-files', 'libc6', 'libgcc-s1'] },
};

/**
 * Returns an image of the embedded toolchain. Bootstraps it with mmdebstrap if the engine does not have it. Its digest is
 * the sha256 of a listing of its root file system. The listing does not depend on the host, so the same packages result in
 * the same digest on every machine.
 *
 * Throws StageError if mmdebstrap is missing or fails, and StorageError if the disk is full.
 */
export async function debianImage(name: ImageName, options: DebianOptions): Promise<ToolchainImage> {
  const { engine, platform, signal } = options;
  const known = options.fresh ? undefined : await knownDebianImage(name, options);
  if (known !== undefined) return known;
  if (options.offline) {
    throw new StageError(
      `the engine has no ${name} image for ${platform.architecture} yet, and --offline forbids bootstrapping it`,
      { hint: 'Run once without --offline.' },
    );
  }
  const { variant, packages } = IMAGES[name];
  const definition = definitionOf(name, options);
  const mirrors = await options.mirrors();
  await requireMmdebstrap(options);
  const folder = await writingTo(options.tmpDir, () => makeFolder(options.tmpDir));
  try {
    const rootfs = join(folder, 'rootfs.tar');
    options.report(
      `bootstrapping the ${name} image with mmdebstrap (Debian 11)${options.fresh ? '' : ', once'}`,
    );
    await bootstrap({ folder, rootfs, variant, packages, mirrors, options });
    const { digest } = await listRootFileSystem(createReadStream(rootfs));
    const image = await engine.importImage(withoutHost(createReadStream(rootfs)), {
      labels: {
        ...(options.fresh ? {} : { [DEFINITION_LABEL]: definition }),
        [DIGEST_LABEL]: digest,
        [IMAGE_LABEL]: name,
      },
      tag: `layersmith/${name}:${options.fresh ? 'fresh' : definition.slice(0, 12)}`,
      platform: platform.architecture === 'arm64' ? 'linux/arm64' : 'linux/amd64',
      signal,
    });
    return { id: image.id, digest };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns the image, or undefined if the engine does not have it. */
export async function knownDebianImage(
  name: ImageName,
  options: Pick<DebianOptions, 'engine' | 'platform' | 'pins' | 'signal'>,
): Promise<ToolchainImage | undefined> {
  const value = definitionOf(name, options);
  const [known] = await options.engine.listImages({ key: DEFINITION_LABEL, value }, options.signal);
  const digest = known?.labels[DIGEST_LABEL];
  return known === undefined || digest === undefined ? undefined : { id: known.id, digest };
}

/** Returns a digest of everything that determines the image's content. */
function definitionOf(name: ImageName, { platform, pins }: Pick<DebianOptions, 'platform' | 'pins'>): Sha256 {
  const { variant, packages } = IMAGES[name];
  return sha256(
    JSON.stringify([
      ...[FORMAT, SUITE, platform.architecture, variant, packages, SOURCE_DATE_EPOCH],
      ...(pins.length === 0 ? [] : [pins]),
    ]),
  );
}

/** Creates a folder whose name starts with the identity of this process, so that a later run removes it if this one is killed. */
async function makeFolder(tmpDir: string): Promise<string> {
  const folder = await mkdtemp(join(tmpDir, `${processIdentity()}-debian-`));
  // mmdebstrap and apt use it as other users.
  await chmod(folder, 0o755);
  return folder;
}

interface Bootstrap {
  readonly folder: string;
  readonly rootfs: string;
  readonly variant: string;
  readonly packages: readonly string[];
  readonly mirrors: DebianMirrors;
  readonly options: DebianOptions;
}

async function bootstrap(input: Bootstrap): Promise<void> {
  const { folder, rootfs, variant, packages, mirrors, options } = input;
  const signedBy = `[signed-by=${mirrors.keyring}]`;
  const lines = [`deb ${signedBy} ${mirrors.main} ${SUITE} main`];
  if (mirrors.security !== undefined)
    lines.push(`deb ${signedBy} ${mirrors.security} ${SUITE}-security main`);
  const hooks = await pinningHooks(input);
  using space = watchSpace(folder);
  const ended = await runCommand(
    [
      'mmdebstrap',
      `--variant=${variant}`,
      `--architectures=${options.platform.architecture === 'arm64' ? 'arm64' : 'amd64'}`,
      `--include=${packages.join(',')}`,
      ...hooks,
      '--format=tar',
      SUITE,
      rootfs,
      ...lines,
    ],
    {
      env: { ...options.proxies, SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH), TMPDIR: folder },
      signal: options.signal,
    },
  );
  if (ended.status === 0) return;
  const { status, stderr } = ended;
  const lastLines = ended.lastLines.map(withoutUserinfo);
  if (/No space left on device|Disk quota exceeded/.test(stderr) || (await space.least()) < LITTLE_BYTES) {
    throw new StorageError(`cannot write to ${options.tmpDir}: the disk is full`, {
      details: { 'last lines': lastLines },
      hint: 'Free some space there (`layersmith clean --older-than 30d`), or choose another folder with --store.',
    });
  }
  throw new StageError(`mmdebstrap failed to bootstrap Debian 11 (status ${status})`, {
    details: { 'last lines': lastLines },
    hint:
      options.platform.architecture === 'arm64'
        ? `On an x86_64 machine, install the Debian packages qemu-user-static and arch-test, which arm64 needs; or check ${MIRROR}.`
        : `Check that ${MIRROR} answers and has bullseye.`,
  });
}

/** Removes user names and passwords from the URLs in a line: apt quotes the mirror's and the proxy's. */
function withoutUserinfo(line: string): string {
  // Up to the last `@` of the authority: a password may contain one.
  return line.replace(/:\/\/[^\s/?#'"]*@/g, '://');
}

/**
 * Returns the mmdebstrap option that makes apt prefer the pinned versions, even older ones (apt_preferences(5): a priority
 * above 1000). If the mirror does not have a pinned version, apt installs another one. The preferences do not become part
 * of the image, as all files that come from the host.
 */
async function pinningHooks({ folder, options }: Bootstrap): Promise<readonly string[]> {
  const { pins } = options;
  if (pins.length === 0) return [];
  const file = join(folder, 'preferences');
  const stanzas = pins.map(
    ({ name, version }) => `Package: ${name}\nPin: version ${version}\nPin-Priority: 1001\n`,
  );
  await writeFile(file, stanzas.join('\n'));
  const folderInside = '"$1/etc/apt/preferences.d"';
  return [`--setup-hook=mkdir -p ${folderInside} && cp '${file}' ${folderInside}/layersmith`];
}

/** With less free space than this, the disk counts as full: the smallest bootstrap needs more. */
const LITTLE_BYTES = 64 * 1024 ** 2;
const LOOK_EVERY_MS = 250;

/** Records the least free space seen: mmdebstrap removes its files before it ends, so afterwards the disk is not full. */
function watchSpace(folder: string): Disposable & { readonly least: () => Promise<number> } {
  let least = Infinity;
  const look = async (): Promise<number> => {
    // Unknown free space is not taken for a full disk.
    const space = await statfs(folder).catch(() => undefined);
    if (space !== undefined) least = Math.min(least, space.bavail * space.bsize);
    return least;
  };
  const timer = setInterval(() => {
    void look();
  }, LOOK_EVERY_MS);
  return {
    least: look,
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}

async function requireMmdebstrap({ proxies, signal }: DebianOptions): Promise<void> {
  if (await hasMmdebstrap({ env: proxies, signal })) return;
  throw new StageError('mmdebstrap, which makes the embedded Debian toolchain, is not installed', {
    hint: 'Run `layersmith doctor --fix` as root (Debian or Ubuntu), or use --toolchain amazonlinux where its registry answers.',
  });
}

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

/** Where Debian's packages are; `security` is the mirror of its security suites, if there is one. */
export interface DebianMirrors {
  readonly main: string;
  readonly security: string | undefined;
  readonly keyring: string;
}

export interface DebianOptions {
  readonly engine: ContainerEngine;
  readonly platform: Platform;
  readonly tmpDir: string;
  /** Throws a LayersmithError where the host knows no Debian mirror. */
  readonly mirrors: () => Promise<DebianMirrors>;
  readonly report: (line: string) => void;
  readonly offline: boolean;
  /** The versions that the lock file has: taken where the mirror still has them. */
  readonly pins: readonly Package[];
  /** Bootstraps although the engine has an image, and lets no build find the new one: for the lock file. */
  readonly fresh: boolean;
  /** `http_proxy` and its like, for the programs that download. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** glibc of Debian 11: what is compiled there wants at most this one. */
export const DEBIAN_GLIBC = '2.31';

const SUITE = 'bullseye';

/** How a bootstrapped root file system becomes an image: one that was made in another way is not used. */
const FORMAT = 'without-host';

const MIRROR = 'the Debian mirror (LAYERSMITH_DEBIAN_MIRROR, else the one in the apt sources)';

type ImageName = 'debian-toolchain' | 'debian-runtime';

/** mmdebstrap's variant and packages: with compilers, and with glibc and little else. */
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
 * The embedded toolchain's image, bootstrapped with mmdebstrap when the engine does not have it. Its digest
 * is the sha256 of its root file system's listing, which has nothing of the host in it: the same packages give the same
 * digest on every machine.
 * Throws StageError when mmdebstrap is missing or fails, StorageError when the disk is too full for it.
 */
export async function debianImage(name: ImageName, options: DebianOptions): Promise<ToolchainImage> {
  const { engine, platform, signal } = options;
  const known = options.fresh ? undefined : await knownDebianImage(name, options);
  if (known !== undefined) return known;
  if (options.offline) {
    throw new StageError(
      `the engine has no ${name} image for ${platform.architecture} yet, and --offline forbids making it`,
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

/** The image if the engine has it. */
export async function knownDebianImage(
  name: ImageName,
  options: Pick<DebianOptions, 'engine' | 'platform' | 'pins' | 'signal'>,
): Promise<ToolchainImage | undefined> {
  const value = definitionOf(name, options);
  const [known] = await options.engine.listImages({ key: DEFINITION_LABEL, value }, options.signal);
  const digest = known?.labels[DIGEST_LABEL];
  return known === undefined || digest === undefined ? undefined : { id: known.id, digest };
}

/** Names what the image is made of. */
function definitionOf(name: ImageName, { platform, pins }: Pick<DebianOptions, 'platform' | 'pins'>): Sha256 {
  const { variant, packages } = IMAGES[name];
  return sha256(
    JSON.stringify([
      ...[FORMAT, SUITE, platform.architecture, variant, packages, SOURCE_DATE_EPOCH],
      ...(pins.length === 0 ? [] : [pins]),
    ]),
  );
}

/** Its name starts with the process's identity, so that a later run sweeps up what a killed one left. */
async function makeFolder(tmpDir: string): Promise<string> {
  const folder = await mkdtemp(join(tmpDir, `${processIdentity()}-debian-`));
  // mmdebstrap and apt work in there as other users.
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
  const { status, stderr, lastLines } = await runCommand(
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
  if (status === 0) return;
  if (/No space left on device|Disk quota exceeded/.test(stderr) || (await space.least()) < LITTLE_BYTES) {
    throw new StorageError(`cannot write to ${options.tmpDir}: the disk is full`, {
      details: { 'last lines': lastLines },
      hint: 'Free some space there (`layersmith clean --older-than 30d`), or choose another folder with --store.',
    });
  }
  throw new StageError(`mmdebstrap could not bootstrap Debian 11 (status ${status})`, {
    details: { 'last lines': lastLines },
    hint:
      options.platform.architecture === 'arm64'
        ? `On an x86_64 machine arm64 needs the Debian packages qemu-user-static and arch-test: install them, or check ${MIRROR}.`
        : `Check that ${MIRROR} answers and has bullseye.`,
  });
}

/**
 * mmdebstrap's option that lets apt prefer the pinned versions while it bootstraps, older ones too (apt_preferences(5), a
 * priority over 1000). A version that the mirror does not have is no error: apt takes what there is. The file is left out
 * of the image with all that comes from the host.
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

/** Less than this is a full disk: the smallest bootstrap needs more. */
const LITTLE_BYTES = 64 * 1024 ** 2;
const LOOK_EVERY_MS = 250;

/** Notes the least space there was: when mmdebstrap fails for want of it, it tidies up before it ends. */
function watchSpace(folder: string): Disposable & { readonly least: () => Promise<number> } {
  let least = Infinity;
  const look = async (): Promise<number> => {
    // Where it cannot be seen, it is not the reason.
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

import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, sha256OfFile } from '../core/digest.js';
import { StageError } from '../core/errors.js';
import { writingTo } from '../core/file-system.js';
import { runCommand } from '../core/run-command.js';
import { SOURCE_DATE_EPOCH } from '../core/tar.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { Platform } from '../platform/platform.js';
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
  readonly isRoot: boolean;
  readonly report: (line: string) => void;
  readonly offline: boolean;
  readonly signal: AbortSignal;
}

/** glibc of Debian 11: what is compiled there wants at most this one. */
export const DEBIAN_GLIBC = '2.31';

const SUITE = 'bullseye';

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
 * is the sha256 of its root file system, which is the same on every machine that sees the same packages.
 * Throws StageError when mmdebstrap is missing or fails.
 */
export async function debianImage(name: ImageName, options: DebianOptions): Promise<ToolchainImage> {
  const { engine, platform, signal } = options;
  const { variant, packages } = IMAGES[name];
  const definition = sha256(
    JSON.stringify([SUITE, platform.architecture, variant, packages, SOURCE_DATE_EPOCH]),
  );
  const [known] = await engine.listImages({ key: DEFINITION_LABEL, value: definition }, signal);
  const digest = known?.labels[DIGEST_LABEL];
  if (known !== undefined && digest !== undefined) return { id: known.id, digest };
  if (options.offline) {
    throw new StageError(`the engine does not have the ${name} image yet, and --offline forbids to make it`, {
      hint: 'Run once without --offline.',
    });
  }
  const mirrors = await options.mirrors();
  await ensureMmdebstrap(options);
  const folder = await writingTo(options.tmpDir, () => mkdtemp(join(options.tmpDir, 'debian-')));
  try {
    const rootfs = join(folder, 'rootfs.tar');
    options.report(`bootstrapping the ${name} image with mmdebstrap (Debian 11), once`);
    await bootstrap({ rootfs, variant, packages, mirrors, options });
    const rootfsDigest = `sha256:${await sha256OfFile(rootfs, signal)}`;
    const image = await engine.importImage(createReadStream(rootfs), {
      labels: { [DEFINITION_LABEL]: definition, [DIGEST_LABEL]: rootfsDigest, [IMAGE_LABEL]: name },
      tag: `layersmith/${name}:${definition.slice(0, 12)}`,
      platform: platform.architecture === 'arm64' ? 'linux/arm64' : 'linux/amd64',
      signal,
    });
    return { id: image.id, digest: rootfsDigest };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Bootstrap {
  readonly rootfs: string;
  readonly variant: string;
  readonly packages: readonly string[];
  readonly mirrors: DebianMirrors;
  readonly options: DebianOptions;
}

async function bootstrap({ rootfs, variant, packages, mirrors, options }: Bootstrap): Promise<void> {
  const signedBy = `[signed-by=${mirrors.keyring}]`;
  const lines = [`deb ${signedBy} ${mirrors.main} ${SUITE} main`];
  if (mirrors.security !== undefined)
    lines.push(`deb ${signedBy} ${mirrors.security} ${SUITE}-security main`);
  const { status, lastLines } = await runCommand(
    [
      'mmdebstrap',
      `--variant=${variant}`,
      `--architectures=${options.platform.architecture === 'arm64' ? 'arm64' : 'amd64'}`,
      `--include=${packages.join(',')}`,
      '--format=tar',
      SUITE,
      rootfs,
      ...lines,
    ],
    { env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH), TMPDIR: options.tmpDir }, signal: options.signal },
  );
  if (status === 0) return;
  throw new StageError(`mmdebstrap could not bootstrap Debian 11 (status ${status})`, {
    details: { 'last lines': lastLines },
    hint:
      options.platform.architecture === 'arm64'
        ? 'Foreign architectures need the package qemu-user-static; else check the Debian mirror in the apt sources.'
        : 'Check that the Debian mirror in the apt sources answers and has bullseye.',
  });
}

async function ensureMmdebstrap({ isRoot, report, signal }: DebianOptions): Promise<void> {
  const found = await runCommand(['mmdebstrap', '--version'], { env: {}, signal });
  if (found.status === 0) return;
  const advice =
    'Install the package mmdebstrap (Debian or Ubuntu), or use --toolchain amazonlinux where its registry answers.';
  if (!isRoot)
    throw new StageError('mmdebstrap is not installed, and only root can install it', { hint: advice });
  report('installing mmdebstrap with apt-get');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  // Another vendor's list may not answer while Debian's does: what counts is the installation.
  await runCommand(['apt-get', 'update', '-qq'], { env, signal });
  const installed = await runCommand(
    ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'mmdebstrap'],
    { env, signal },
  );
  if (installed.status !== 0) {
    throw new StageError('mmdebstrap is not installed, and apt-get could not install it', {
      details: { 'last lines': installed.lastLines },
      hint: advice,
    });
  }
}

import { sha256, type Sha256 } from '../core/digest.js';
import { SourceError, StageError } from '../core/errors.js';
import { writingTo } from '../core/file-system.js';
import { scratchFile } from '../core/scratch.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { Architecture } from '../platform/platform.js';
import type { PinnedFile } from '../recipe/source.js';
import { fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import { formatPin, packageOf, type DebianPackage } from './debian-package.js';
import { compilerDefinition, makeTargets } from './debian-targets.js';
import { packageDifferences } from './image-packages.js';
import { listAdded, openRoot, rootDigest, writeRoot, type FetchedPackage } from './root-file-system.js';
import {
  DEFINITION_LABEL,
  DIGEST_LABEL,
  IMAGE_LABEL,
  ociPlatform,
  type ImageRole,
  type ToolchainImage,
} from './toolchain.js';

/** The packages that are wanted, for `DebianOptions.resolve`. */
export interface DebianRequest {
  readonly suite: string;
  readonly packages: readonly string[];
  readonly architecture: Architecture;
}

/** What is needed to prepare the embedded toolchain's images. */
export interface DebianOptions {
  readonly engine: ContainerEngine;
  /** The root folder of the layersmith package, which has `toolchain/`. */
  readonly packageRoot: string;
  readonly tmpDir: string;
  /** The pinned packages of an image, from the lock file. */
  readonly pins: (image: DebianImage) => readonly DebianPackage[];
  /**
   * Lists the packages with everything that they depend on, as the mirror has them today. Throws a LayersmithError if there is
   * no mirror or no apt.
   */
  readonly resolve: (request: DebianRequest) => Promise<readonly DebianPackage[]>;
  /** Fetches a package from a mirror. Returns its path. Throws SourceError if no mirror has it. */
  readonly fetchPackage: (file: DebianPackage) => Promise<string>;
  /** Fetches a file from its URLs. Returns its path. Throws SourceError. */
  readonly fetchUrl: (file: PinnedFile) => Promise<string>;
  readonly report: (line: string) => void;
  readonly offline: boolean;
  /** Makes a new image of today's packages even if the engine has one, and hides it from builds: for `layersmith lock`. */
  readonly fresh: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One of the embedded toolchain's images. Its architecture is that of its own programs, not of what they compile. */
export interface DebianImage {
  readonly role: ImageRole;
  readonly architecture: Architecture;
}

/** The release whose packages the images have. */
const SUITE = 'bookworm';

/** The format of the images. Images with another format are not used. */
const FORMAT = 'unpacked packages';

interface Content {
  /** Without what they depend on. */
  readonly packages: (architecture: Architecture) => readonly string[];
  /** Packages that are left out although others depend on them: the compilers get headers and libraries of their own. */
  readonly without: RegExp | undefined;
  /** What packages create when they are installed, which is not done here. */
  readonly extra: readonly TreeEntry[];
}

const link = (path: string, target: string): TreeEntry => ({ type: 'symlink', path, target });
const folder = (path: string): TreeEntry => ({ type: 'directory', path, mode: 0o755 });

const CONTENT: Readonly<Record<ImageRole, Content>> = {
  toolchain: {
    packages: (architecture) => {
      const other = architecture === 'arm64' ? 'x86-64-linux-gnu' : 'aarch64-linux-gnu';
      return [
        ...[
          'base-files',
          'bash',
          'bzip2',
          'coreutils',
          'dash',
          'debianutils',
          'diffutils',
          'file',
          'findutils',
        ],
        ...['grep', 'gzip', 'hostname', 'mawk', 'sed', 'tar', 'xz-utils'],
        ...[
          'autoconf',
          'automake',
          'bison',
          'cmake',
          'libtool',
          'm4',
          'make',
          'patch',
          'perl',
          'pkg-config',
          're2c',
          'tcl',
        ],
        ...['gcc-12', 'g++-12', `gcc-12-${other}`, `g++-12-${other}`],
      ];
    },
    without:
      /^(libc6-dev|linux-libc-dev|libcrypt-dev|libnsl-dev|libtirpc-dev|rpcsvc-proto)$|^(libc6|libc6-dev|linux-libc-dev)-[a-z0-9]+-cross$|^(tzdata|usrmerge|libc-dev-bin)$/,
    extra: [
      folder('opt'),
      folder('build'),
      link('usr/bin/awk', 'mawk'),
      link('usr/bin/yacc', 'bison.yacc'),
      link('usr/bin/which', 'which.debianutils'),
      link('usr/bin/automake', 'automake-1.16'),
      link('usr/bin/aclocal', 'aclocal-1.16'),
      fileEntry(
        'etc/passwd',
        'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n',
      ),
      fileEntry('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
    ],
  },
  runtime: {
    packages: () => ['base-files', 'libc6', 'libgcc-s1'],
    without: /^(mawk|gcc-12-base)$/,
    extra: [],
  },
};

/**
 * Returns an image of the embedded toolchain, and makes it if the engine does not have it: from the pinned packages, or from
 * today's if a mirror has lost one. Packages are unpacked here and run nothing, so the image, and its digest, the sha256 of a
 * listing of its root file system, depend on the packages alone.
 *
 * Throws StageError, and StorageError if the disk is full.
 */
export async function debianImage(image: DebianImage, options: DebianOptions): Promise<ToolchainImage> {
  const { engine, signal, fresh, report } = options;
  const name = imageName(image.role);
  const known = fresh ? undefined : await knownDebianImage(image, options);
  if (known !== undefined) return known;
  const pinned = fresh ? [] : options.pins(image);
  if (pinned.length === 0 && options.offline) throw offlineError(image, 'no lock has its packages');
  const fetched =
    pinned.length === 0
      ? await fetchAll(await resolved(image, options), options)
      : await fetchPinned(image, pinned, options);
  report(
    `making the ${name} image for ${image.architecture} of ${fetched.length} Debian packages${fresh ? '' : ', once'}`,
  );
  const packages = fetched.map(({ file }) => file);
  await using rootfs = scratchFile(options.tmpDir);
  const listing = await writingTo(options.tmpDir, () => writeRoot(rootfs.path, fetched));
  const platform = ociPlatform(image.architecture);
  const { extra } = CONTENT[image.role];
  const imported = async (
    added: readonly TreeEntry[],
    labels: Readonly<Record<string, string>>,
    tag: string,
  ) =>
    engine.importImage(openRoot(rootfs.path, added), {
      labels,
      tag: `layersmith/${name}:${tag}`,
      platform,
      signal,
    });
  const finish = async (added: readonly TreeEntry[]): Promise<ToolchainImage> => {
    const digest = rootDigest(listing, await listAdded(added));
    const definition = await definitionOf(image, packages, options);
    const made = await imported(
      added,
      {
        ...(fresh ? {} : { [DEFINITION_LABEL]: definition }),
        [DIGEST_LABEL]: digest,
        [IMAGE_LABEL]: name,
      },
      fresh ? `fresh-${image.architecture}` : definition.slice(0, 12),
    );
    return { id: made.id, digest, madeOf: packages };
  };
  if (image.role === 'runtime') return await finish(extra);
  const base = await imported(extra, { [IMAGE_LABEL]: name }, `base-${image.architecture}`);
  try {
    await using targets = await makeTargets(base.id, image.architecture, options);
    return await finish([...extra, ...targets.entries]);
  } finally {
    await engine.removeImage(base.id).catch(() => undefined);
  }
}

/** Returns the image, or undefined if the engine does not have it. */
export async function knownDebianImage(
  image: DebianImage,
  options: Pick<DebianOptions, 'engine' | 'packageRoot' | 'pins' | 'signal'>,
): Promise<ToolchainImage | undefined> {
  const value = await definitionOf(image, options.pins(image), options);
  const [known] = await options.engine.listImages({ key: DEFINITION_LABEL, value }, options.signal);
  const digest = known?.labels[DIGEST_LABEL];
  return known === undefined || digest === undefined ? undefined : { id: known.id, digest };
}

/** Returns the name in messages and labels: `debian-toolchain`. */
function imageName(role: ImageRole): string {
  return `debian-${role}`;
}

/** Returns a digest of everything that determines the image's content. */
async function definitionOf(
  { role, architecture }: DebianImage,
  packages: readonly DebianPackage[],
  { packageRoot }: Pick<DebianOptions, 'packageRoot'>,
): Promise<Sha256> {
  const files = packages.map(formatPin).sort();
  const compilers = role === 'toolchain' ? await compilerDefinition(packageRoot) : undefined;
  return sha256(JSON.stringify([FORMAT, role, architecture, files, compilers]));
}

async function resolved(image: DebianImage, options: DebianOptions): Promise<readonly DebianPackage[]> {
  const { packages, without } = CONTENT[image.role];
  const all = await options.resolve({
    suite: SUITE,
    packages: packages(image.architecture),
    architecture: image.architecture,
  });
  return all.filter((file) => without?.test(packageOf(file).name) !== true);
}

async function fetchPinned(
  image: DebianImage,
  pinned: readonly DebianPackage[],
  options: DebianOptions,
): Promise<readonly FetchedPackage[]> {
  try {
    return await fetchAll(pinned, options);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    if (options.offline) throw offlineError(image, error.message);
    const today = await resolved(image, options);
    const changes = packageDifferences(pinned.map(packageOf), today.map(packageOf));
    options.report(
      `a pinned package is gone: ${error.message}. Using what the mirror has today: ${changes.join('; ') || 'the same versions'}`,
    );
    return fetchAll(today, options);
  }
}

function offlineError({ role, architecture }: DebianImage, reason: string): StageError {
  return new StageError(
    `the engine has no ${imageName(role)} image for ${architecture} yet, and --offline forbids fetching its packages`,
    { details: { reason }, hint: 'Run once without --offline.' },
  );
}

/** Fetches all packages, sorted by path. */
async function fetchAll(
  packages: readonly DebianPackage[],
  { fetchPackage }: DebianOptions,
): Promise<readonly FetchedPackage[]> {
  const sorted = [...packages].sort((a, b) => (a.path < b.path ? -1 : 1));
  return Promise.all(sorted.map(async (file) => ({ file, path: await fetchPackage(file) })));
}

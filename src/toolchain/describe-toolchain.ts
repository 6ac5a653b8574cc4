import { EngineError } from '../core/errors.js';
import { sha256 } from '../core/digest.js';
import { openImageReader } from '../sandbox/image-reader.js';
import { chooseToolchain, type ChooseOptions } from './choose-toolchain.js';
import { packagesOf, type Package, type PackageOptions } from './image-packages.js';
import type { LockEntry } from './lock-file.js';
import { listRootFileSystem, unsettledFiles } from './root-file-system.js';
import type { Toolchain, ToolchainImage } from './toolchain.js';

/**
 * Identifies a toolchain by its content. The digest of the embedded toolchain already covers every file. For an image that
 * was built from a Dockerfile, the digest is extended with the installed packages, since a later build may install others.
 */
function identifiedBy(packages: readonly Package[], toolchain: Toolchain): Toolchain {
  if (toolchain.kind === 'debian') return toolchain;
  const digest = `sha256:${sha256(JSON.stringify([toolchain.buildImage.digest, packages]))}`;
  return { ...toolchain, buildImage: { ...toolchain.buildImage, digest } };
}

/** Chooses a toolchain as `chooseToolchain` does, lists its packages and identifies it by its content. */
export async function prepareToolchain(
  choice: ChooseOptions,
  options: PackageOptions,
): Promise<{ readonly toolchain: Toolchain; readonly packages: readonly Package[] }> {
  const chosen = await chooseToolchain(choice);
  const packages = await packagesOf(chosen.buildImage, options);
  return { toolchain: identifiedBy(packages, chosen), packages };
}

/**
 * Reads a toolchain's entry for the lock file from its images. For the embedded toolchain, it includes the files that the
 * packages do not determine. Amazon's images are identified by the digests of their registry alone.
 */
export async function describeToolchain(toolchain: Toolchain, options: PackageOptions): Promise<LockEntry> {
  const isEmbedded = toolchain.kind === 'debian';
  return {
    toolchain: toolchain.buildImage.digest,
    runtime: toolchain.runtimeImage.digest,
    packages: await packagesOf(toolchain.buildImage, options),
    files: isEmbedded
      ? {
          toolchain: await filesOf(toolchain.buildImage, options),
          runtime: await filesOf(toolchain.runtimeImage, options),
        }
      : undefined,
  };
}

async function filesOf(
  image: ToolchainImage,
  { engine, labels, signal }: PackageOptions,
): Promise<ReadonlyMap<string, string>> {
  await using container = await openImageReader({ engine, image: image.id, labels, signal });
  const listing = await listRootFileSystem(await container.getArchive('/', signal));
  if (listing.digest !== image.digest)
    throw new EngineError(`the content of the image ${image.id} does not match the digest in its label`, {
      details: { label: image.digest, content: listing.digest },
      hint: 'Remove it with `layersmith clean --images`; the next build creates it again.',
    });
  return unsettledFiles(listing);
}

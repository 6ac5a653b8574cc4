import { EngineError } from '../core/errors.js';
import { sha256 } from '../core/digest.js';
import { openImageReader } from '../sandbox/image-reader.js';
import { chooseToolchain, type ChooseOptions } from './choose-toolchain.js';
import { packagesOf, type Package, type PackageOptions } from './image-packages.js';
import type { LockEntry } from './lock-file.js';
import { listRootFileSystem, unsettledFiles } from './root-file-system.js';
import type { Toolchain, ToolchainImage } from './toolchain.js';

/**
 * Names a toolchain by what is in it. The digest of the embedded one covers every file already; that of an image that was built
 * from a Dockerfile is completed with the packages that the build got, since a package manager may give others another day.
 */
function identifiedBy(packages: readonly Package[], toolchain: Toolchain): Toolchain {
  if (toolchain.kind === 'debian') return toolchain;
  const digest = `sha256:${sha256(JSON.stringify([toolchain.buildImage.digest, packages]))}`;
  return { ...toolchain, buildImage: { ...toolchain.buildImage, digest } };
}

/**
 * Chooses a toolchain as `chooseToolchain` does, lists its packages and names it by its content.
 */
export async function prepareToolchain(
  choice: ChooseOptions,
  options: PackageOptions,
): Promise<{ readonly toolchain: Toolchain; readonly packages: readonly Package[] }> {
  const chosen = await chooseToolchain(choice);
  const packages = await packagesOf(chosen.buildImage, options);
  return { toolchain: identifiedBy(packages, chosen), packages };
}

/**
 * A toolchain's entry of the lock file, read out of its images. Of the embedded toolchain also the files that its packages
 * do not settle; Amazon's images are named by their registry's digests alone.
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
    throw new EngineError(`the image ${image.id} does not have the content that its label names`, {
      details: { label: image.digest, content: listing.digest },
      hint: 'Remove it with `layersmith clean --images`; the next build makes it again.',
    });
  return unsettledFiles(listing);
}

import { sha256 } from '../core/digest.js';
import { chooseToolchain, type ChooseOptions } from './choose-toolchain.js';
import { packagesOf, type Package, type PackageOptions } from './image-packages.js';
import type { Toolchain } from './toolchain.js';

/**
 * Identifies a toolchain by its content. The digests of the embedded toolchain and of a manifest already cover every file. For an image that
 * was built from a Dockerfile, the digest is extended with the installed packages, since a later build may install others.
 */
function identifiedBy(packages: readonly Package[], toolchain: Toolchain): Toolchain {
  if (toolchain.kind === 'debian' || toolchain.buildImage.reference !== undefined) return toolchain;
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

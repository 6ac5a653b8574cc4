import type { Architecture } from '../platform/platform.js';
import type { DebianPackage } from './debian-package.js';
import type { PublishedReference } from './published-reference.js';

/** The images that a layer is compiled and tested with, and why they were chosen. */
export interface Toolchain {
  readonly kind: ToolchainKind;
  /** Why this kind was chosen: `public.ecr.aws does not answer (no such host)`. */
  readonly reason: string;
  /** The image with the compilers. */
  readonly buildImage: ToolchainImage;
  /** The image without compilers, in which programs and functions run. */
  readonly runtimeImage: ToolchainImage;
}

/** The kinds of toolchains. */
export const TOOLCHAIN_KINDS = ['amazonlinux', 'debian'] as const;
/** A kind of toolchain: Amazon Linux images, or the embedded Debian 12. */
export type ToolchainKind = (typeof TOOLCHAIN_KINDS)[number];

/** The purposes of a toolchain's images. */
export const IMAGE_ROLES = ['toolchain', 'runtime'] as const;
/** The purpose of a toolchain's image: compiling or running. */
export type ImageRole = (typeof IMAGE_ROLES)[number];

/** An image in the engine, and the digest that identifies its content in stage keys. */
export interface ToolchainImage {
  readonly id: string;
  readonly digest: string;
  /** Debian's packages that it was made of. Undefined if it was there already, or is Amazon's. */
  readonly madeOf?: readonly DebianPackage[] | undefined;
  /** Where the image was pulled from, if the lock has its manifest's digest. That is `digest` then. */
  readonly reference?: PublishedReference | undefined;
}

/** The label with the digest of what an image was built from. */
export const DEFINITION_LABEL = 'io.layersmith.definition';
/** The label with the purpose of an image, for `clean`. */
export const IMAGE_LABEL = 'io.layersmith.image';
/** The label with the digest that identifies the image's content in stage keys, if it is not the image's id. */
export const DIGEST_LABEL = 'io.layersmith.digest';

/** Returns `linux/amd64` or `linux/arm64`. */
export function ociPlatform(architecture: Architecture): string {
  return architecture === 'arm64' ? 'linux/arm64' : 'linux/amd64';
}

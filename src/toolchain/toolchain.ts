/** The images that a layer is compiled and tested with, and why these. */
export interface Toolchain {
  readonly kind: ToolchainKind;
  /** Why this kind: `public.ecr.aws does not answer (no such host)`. */
  readonly reason: string;
  /** The image with the compilers. */
  readonly buildImage: ToolchainImage;
  /** The image without compilers, in which programs and functions run. */
  readonly runtimeImage: ToolchainImage;
}

export const TOOLCHAIN_KINDS = ['amazonlinux', 'debian'] as const;
export type ToolchainKind = (typeof TOOLCHAIN_KINDS)[number];

/** An image in the engine, and the digest that names its content in stage keys. */
export interface ToolchainImage {
  readonly id: string;
  readonly digest: string;
}

/** The label that names what an image of ours was made from. */
export const DEFINITION_LABEL = 'io.layersmith.definition';
/** The label for `clean`: what the image is. */
export const IMAGE_LABEL = 'io.layersmith.image';
/** The label with what names the image's content in stage keys, where that is not its id. */
export const DIGEST_LABEL = 'io.layersmith.digest';

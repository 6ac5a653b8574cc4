import { readFile } from 'node:fs/promises';
import { sha256 } from '../core/digest.js';
import { EngineError, StageError } from '../core/errors.js';
import { fileEntry, packTree } from '../core/tar.js';
import type { ContainerEngine, ImageInfo } from '../engine/container-engine.js';
import type { Platform } from '../platform/platform.js';
import { DEFINITION_LABEL, IMAGE_LABEL, type ToolchainImage } from './toolchain.js';

export interface AmazonOptions {
  readonly engine: ContainerEngine;
  readonly platform: Platform;
  /** `Dockerfile.amazonlinux`. */
  readonly dockerfile: string;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

const PLATFORM_LABEL = 'io.layersmith.platform';

/** `linux/amd64` or `linux/arm64`. */
function ociPlatform(platform: Platform): string {
  return platform.architecture === 'arm64' ? 'linux/arm64' : 'linux/amd64';
}

/**
 * The toolchain image of `Dockerfile.amazonlinux`, built when the engine has none of the same Dockerfile,
 * base digest and release. Throws StageError when the build fails.
 */
export async function amazonToolchain(
  baseDigest: string | undefined,
  options: AmazonOptions,
): Promise<ToolchainImage> {
  const { engine, platform, signal, report } = options;
  const dockerfile = await readFile(options.dockerfile);
  const { base, release } = platform.toolchain;
  const image = await pulled(base, baseDigest, options);
  const definition = sha256(JSON.stringify([sha256(dockerfile), image.id, release, platform.architecture]));
  const [known] = await engine.listImages({ key: DEFINITION_LABEL, value: definition }, signal);
  if (known !== undefined) return { id: known.id, digest: known.id };
  report(`building the toolchain image on ${base} (Dockerfile.amazonlinux), once`);
  try {
    const built = await engine.build(packTree([fileEntry('Dockerfile', dockerfile)], { owner: 0 }), {
      dockerfile: 'Dockerfile',
      // By digest: another tag of the same name may come meanwhile.
      buildArgs: { BASE: image.repoDigests[0] ?? base, RELEASE: release },
      labels: {
        [DEFINITION_LABEL]: definition,
        [IMAGE_LABEL]: 'amazonlinux-toolchain',
        [PLATFORM_LABEL]: labelOf(platform),
      },
      tag: `layersmith/amazonlinux-toolchain:${definition.slice(0, 12)}`,
      platform: ociPlatform(platform),
      onLine: report,
      signal,
    });
    return { id: built.id, digest: built.id };
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new StageError(`Dockerfile.amazonlinux could not be built: ${cause.message}`, {
      hint: 'Check `toolchain` in the platform file (its release may be gone), or use --toolchain debian.',
      cause,
    });
  }
}

/** The image that smoke tests run in, pulled when the engine does not have it. */
export async function amazonRuntime(
  digest: string | undefined,
  options: AmazonOptions,
): Promise<ToolchainImage> {
  const image = await pulled(options.platform.runtime, digest, options);
  return { id: image.id, digest: image.id };
}

/** A toolchain image that an earlier run built for the platform, newest first. */
export async function builtEarlier(options: AmazonOptions): Promise<ToolchainImage | undefined> {
  const { engine, platform, signal } = options;
  const [known] = await engine.listImages({ key: PLATFORM_LABEL, value: labelOf(platform) }, signal);
  return known === undefined ? undefined : { id: known.id, digest: known.id };
}

/** The runtime image, if the engine has it already. */
export async function runtimePulledEarlier({
  engine,
  platform,
  signal,
}: AmazonOptions): Promise<ToolchainImage | undefined> {
  const image = await engine.inspectImage(platform.runtime, signal);
  return image === undefined ? undefined : { id: image.id, digest: image.id };
}

/** Pulls by tag, so that a later run finds it without its registry; skips it when the engine has that digest. */
async function pulled(
  reference: string,
  digest: string | undefined,
  options: AmazonOptions,
): Promise<ImageInfo> {
  const { engine, signal, report } = options;
  if (digest !== undefined) {
    const present = await engine.inspectImage(pinnedReference(reference, digest), signal);
    if (present !== undefined) return present;
  }
  report(`pulling ${reference}`);
  return engine.pull(reference, {
    signal,
    platform: ociPlatform(options.platform),
  });
}

/** `host:5000/name:tag` with the digest in place of its tag. */
function pinnedReference(reference: string, digest: string): string {
  const colon = reference.indexOf(':', reference.lastIndexOf('/'));
  return `${colon < 0 ? reference : reference.slice(0, colon)}@${digest}`;
}

function labelOf(platform: Platform): string {
  return `${platform.name}-${platform.architecture}`;
}

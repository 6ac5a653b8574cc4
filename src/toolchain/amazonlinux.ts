import { readFile } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { sha256, type Sha256 } from '../core/digest.js';
import { EngineError, StageError } from '../core/errors.js';
import { packTree } from '../tree/pack-tree.js';
import { fileEntry } from '../tree/tree-entry.js';
import type { ContainerEngine, ImageInfo } from '../engine/container-engine.js';
import type { Platform } from '../platform/platform.js';
import { DEFINITION_LABEL, DIGEST_LABEL, IMAGE_LABEL, type ToolchainImage } from './toolchain.js';

export interface AmazonOptions {
  readonly engine: ContainerEngine;
  readonly platform: Platform;
  /** `Dockerfile.amazonlinux`. */
  readonly dockerfile: string;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What is asked for, before any digest is known: by it an image is found again when no registry answers. */
const REQUEST_LABEL = 'io.layersmith.request';

/** The runtime image is Amazon's own; an image of ours on it has the labels to find it by. */
const RUNTIME_DOCKERFILE = 'ARG BASE\nFROM ${BASE}\n';

const KEPT_LINES = 10;

/** An image of ours that is made of one of Amazon's. */
export interface ImageRequest {
  readonly name: 'amazonlinux-toolchain' | 'amazonlinux-runtime';
  /** Amazon's image. */
  readonly reference: string;
  readonly dockerfile: Buffer;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly request: Sha256;
}

/** The image of `Dockerfile.amazonlinux` for a platform. */
export async function toolchainRequest({ platform, dockerfile }: AmazonOptions): Promise<ImageRequest> {
  const { base, release } = platform.toolchain;
  return requestOf(platform, {
    name: 'amazonlinux-toolchain',
    reference: base,
    dockerfile: await readFile(dockerfile),
    buildArgs: { RELEASE: release },
  });
}

/** The image that smoke tests run in. */
export function runtimeRequest({ platform }: AmazonOptions): ImageRequest {
  return requestOf(platform, {
    name: 'amazonlinux-runtime',
    reference: platform.runtime,
    dockerfile: Buffer.from(RUNTIME_DOCKERFILE),
    buildArgs: {},
  });
}

function requestOf(platform: Platform, image: Omit<ImageRequest, 'request'>): ImageRequest {
  const { name, reference, dockerfile, buildArgs } = image;
  const parts = [name, reference, sha256(dockerfile), buildArgs, platform.architecture];
  return { ...image, request: sha256(JSON.stringify(parts)) };
}

/**
 * The image that is asked for, of the base with that digest; pulled and built when the engine does not have
 * it. Throws StageError when the build fails.
 */
export async function amazonImage(
  request: ImageRequest,
  { baseDigest, options }: { readonly baseDigest: string | undefined; readonly options: AmazonOptions },
): Promise<ToolchainImage> {
  const { engine, signal, report } = options;
  const { name, reference } = request;
  const find = async (definition: Sha256): Promise<ToolchainImage | undefined> => {
    const [known] = await engine.listImages({ key: DEFINITION_LABEL, value: definition }, signal);
    return known === undefined ? undefined : asToolchainImage(known);
  };
  const definitionOn = (base: string): Sha256 => sha256(JSON.stringify([request.request, base]));
  const present = baseDigest === undefined ? undefined : await find(definitionOn(baseDigest));
  if (present !== undefined) return present;
  report(`pulling ${reference}`);
  const base = await pull(request, { baseDigest, options });
  const definition = definitionOn(baseDigest ?? base.id);
  const known = await find(definition);
  if (known !== undefined) return known;
  const isToolchain = name === 'amazonlinux-toolchain';
  if (isToolchain) report(`building the toolchain image on ${reference} (Dockerfile.amazonlinux), once`);
  const lastLines: string[] = [];
  const onLine = (raw: string): void => {
    // Docker colours what a command writes to its stderr.
    const line = stripVTControlCharacters(raw).trimEnd();
    if (isToolchain) report(line);
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
  };
  try {
    const context = packTree([fileEntry('Dockerfile', request.dockerfile)], { owner: 0 });
    const built = await engine.build(context, {
      dockerfile: 'Dockerfile',
      // By digest: another image may get the tag meanwhile.
      buildArgs: { ...request.buildArgs, BASE: digestReference(base, reference) },
      labels: {
        [DEFINITION_LABEL]: definition,
        [REQUEST_LABEL]: request.request,
        [IMAGE_LABEL]: name,
        // An image's id also covers when and where it was built. Nothing was added to the runtime image; the toolchain is what
        // its definition says, with the packages that it got (`identifiedBy`).
        [DIGEST_LABEL]: isToolchain ? `sha256:${definition}` : base.id,
      },
      tag: `layersmith/${name}:${definition.slice(0, 12)}`,
      platform: ociPlatform(options.platform),
      onLine,
      signal,
    });
    return asToolchainImage(built);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    const what = isToolchain ? 'Dockerfile.amazonlinux' : `an image on ${reference}`;
    throw new StageError(`${what} could not be built: ${shortened(cause.message)}`, {
      details: { ...cause.details, ...(lastLines.length === 0 ? {} : { 'last lines': lastLines }) },
      hint: 'Check `toolchain` in the platform file (its release may be gone), or use --toolchain debian.',
      cause,
    });
  }
}

async function pull(
  { reference }: ImageRequest,
  { baseDigest, options }: { readonly baseDigest: string | undefined; readonly options: AmazonOptions },
): Promise<ImageInfo> {
  try {
    return await options.engine.pull(pinnedReference(reference, baseDigest), {
      signal: options.signal,
      platform: ociPlatform(options.platform),
    });
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new StageError(`${reference} could not be pulled, though its registry answers: ${cause.message}`, {
      hint: 'Try again later, give --registry another mirror, or use --toolchain debian.',
      cause,
    });
  }
}

/** The engine quotes the whole RUN instruction; what failed in it is in the last lines. */
function shortened(message: string): string {
  return message.replace(
    /^.*The command '.*' returned a non-zero code: (\d+)/s,
    'a command ended with status $1',
  );
}

/** The image that an earlier run made for the same request, if the engine has one; the newest. */
export async function madeEarlier(
  { request }: ImageRequest,
  { engine, signal }: AmazonOptions,
): Promise<ToolchainImage | undefined> {
  const [known] = await engine.listImages({ key: REQUEST_LABEL, value: request }, signal);
  return known === undefined ? undefined : asToolchainImage(known);
}

function asToolchainImage({ id, labels }: ImageInfo): ToolchainImage {
  return { id, digest: labels[DIGEST_LABEL] ?? id };
}

/** `linux/amd64` or `linux/arm64`. */
function ociPlatform(platform: Platform): string {
  return platform.architecture === 'arm64' ? 'linux/arm64' : 'linux/amd64';
}

/** `host:5000/name:tag` with the digest in place of its tag, so that what was resolved is what comes. */
function pinnedReference(reference: string, digest: string | undefined): string {
  return digest === undefined ? reference : `${repositoryOf(reference)}@${digest}`;
}

/** The image by a digest under the reference's own name, where the engine knows one. */
function digestReference(image: ImageInfo, reference: string): string {
  const start = `${repositoryOf(reference)}@`;
  return image.repoDigests.find((name) => name.startsWith(start)) ?? reference;
}

function repositoryOf(reference: string): string {
  const colon = reference.indexOf(':', reference.lastIndexOf('/'));
  return colon < 0 ? reference : reference.slice(0, colon);
}

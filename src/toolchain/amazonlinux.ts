import { readFile } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { sha256, type Sha256 } from '../core/digest.js';
import { EngineError, StageError } from '../core/errors.js';
import { packTree } from '../tree/pack-tree.js';
import { fileEntry } from '../tree/tree-entry.js';
import type { ContainerEngine, ImageInfo } from '../engine/container-engine.js';
import type { Platform } from '../platform/platform.js';
import {
  DEFINITION_LABEL,
  DIGEST_LABEL,
  IMAGE_LABEL,
  ociPlatform,
  type ToolchainImage,
} from './toolchain.js';

/** What is needed to prepare Amazon Linux images. */
export interface AmazonOptions {
  readonly engine: ContainerEngine;
  readonly platform: Platform;
  /** The path of `Dockerfile.amazonlinux`. */
  readonly dockerfile: string;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The label that identifies a request, which does not include digests. By it an image is found when no registry answers. */
const REQUEST_LABEL = 'io.layersmith.request';

/** Adds nothing to Amazon's image. A new image is built only because it carries the labels by which it is found. */
const RUNTIME_DOCKERFILE = 'ARG BASE\nFROM ${BASE}\n';

const KEPT_LINES = 10;

/** A request for an image that is built on one of Amazon's. */
export interface ImageRequest {
  readonly name: 'amazonlinux-toolchain' | 'amazonlinux-runtime';
  /** Amazon's image. */
  readonly reference: string;
  readonly dockerfile: Buffer;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly request: Sha256;
}

/** Returns the request for the image of `Dockerfile.amazonlinux` for a platform. */
export async function toolchainRequest({
  platform,
  dockerfile,
}: Pick<AmazonOptions, 'platform' | 'dockerfile'>): Promise<ImageRequest> {
  const { base, release } = platform.toolchain;
  return requestOf(platform, {
    name: 'amazonlinux-toolchain',
    reference: base,
    dockerfile: await readFile(dockerfile),
    buildArgs: { RELEASE: release },
  });
}

/** Returns the request for the image that smoke tests run in. */
export function runtimeRequest({ platform }: Pick<AmazonOptions, 'platform'>): ImageRequest {
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
 * Returns the requested image, built on the base with that digest. Pulls the base and builds the image if the engine does
 * not have it. Throws StageError if the pull or the build fails.
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
    // Docker colors what a command writes to stderr.
    const line = stripVTControlCharacters(raw).trimEnd();
    if (isToolchain) report(line);
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
  };
  try {
    const context = packTree([fileEntry('Dockerfile', request.dockerfile)], { owner: 0 });
    const built = await engine.build(context, {
      dockerfile: 'Dockerfile',
      // By digest: the tag may be moved to another image in the meantime.
      buildArgs: { ...request.buildArgs, BASE: digestReference(base, reference) },
      labels: {
        [DEFINITION_LABEL]: definition,
        [REQUEST_LABEL]: request.request,
        [IMAGE_LABEL]: name,
        // The id of a built image also depends on when and where it was built. The runtime image has the content of its
        // base; the toolchain is identified by its definition and its packages (`identifiedBy`).
        [DIGEST_LABEL]: isToolchain ? `sha256:${definition}` : base.id,
      },
      tag: `layersmith/${name}:${definition.slice(0, 12)}`,
      platform: ociPlatform(options.platform.architecture),
      onLine,
      signal,
    });
    return asToolchainImage(built);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    const what = isToolchain ? 'Dockerfile.amazonlinux' : `an image on ${reference}`;
    throw new StageError(`could not build ${what}: ${shortened(cause.message)}`, {
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
      platform: ociPlatform(options.platform.architecture),
    });
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new StageError(`could not pull ${reference}, although its registry answers: ${cause.message}`, {
      hint: 'Try again later, set --registry to another mirror, or use --toolchain debian.',
      cause,
    });
  }
}

/** Removes the RUN instruction that the engine quotes; the last lines show which command failed. */
function shortened(message: string): string {
  return message.replace(
    /^.*The command '.*' returned a non-zero code: (\d+)/s,
    'a command ended with status $1',
  );
}

/** Returns the newest image that an earlier run built for the same request, if the engine has one. */
export async function madeEarlier(
  { request }: ImageRequest,
  { engine, signal }: Pick<AmazonOptions, 'engine' | 'signal'>,
): Promise<ToolchainImage | undefined> {
  const [known] = await engine.listImages({ key: REQUEST_LABEL, value: request }, signal);
  return known === undefined ? undefined : asToolchainImage(known);
}

function asToolchainImage({ id, labels }: ImageInfo): ToolchainImage {
  return { id, digest: labels[DIGEST_LABEL] ?? id };
}

/** Replaces the tag of `host:5000/name:tag` with the resolved digest, so that exactly that image is pulled. */
function pinnedReference(reference: string, digest: string | undefined): string {
  return digest === undefined ? reference : `${repositoryOf(reference)}@${digest}`;
}

/** Returns the image's digest reference under the name of the reference, or the reference itself if the engine knows none. */
function digestReference(image: ImageInfo, reference: string): string {
  const start = `${repositoryOf(reference)}@`;
  return image.repoDigests.find((name) => name.startsWith(start)) ?? reference;
}

function repositoryOf(reference: string): string {
  const colon = reference.indexOf(':', reference.lastIndexOf('/'));
  return colon < 0 ? reference : reference.slice(0, colon);
}

import { EngineError, StageError, UsageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { LockedImage } from './lock-file.js';
import { isPublishedReference, repositoryOf, type PublishedReference } from './published-reference.js';

/** An image to push, and what the lock has of it. */
export interface PushedImage {
  /** The image's key in the lock. */
  readonly key: string;
  /** Its id in the engine. */
  readonly id: string;
  /** The digest of its content. */
  readonly digest: string;
  /** What the lock has under the key. */
  readonly locked: LockedImage | undefined;
}

/**
 * Pushes an image to a repository, unless the lock names the same content there already: pushed anew, it would have another
 * manifest, and all keys would change. Throws StageError if the registry refuses it.
 */
export async function pushImage(
  { key, id, digest, locked }: PushedImage,
  {
    repository,
    engine,
    report,
    signal,
  }: {
    readonly repository: string;
    readonly engine: ContainerEngine;
    readonly report: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<PublishedReference> {
  const present = locked?.digest === digest ? locked.image : undefined;
  if (present !== undefined && repositoryOf(present) === repository) {
    if (await isThere(present, engine, signal)) return present;
  }
  // A registry may remove manifests that have no tag.
  const reference = `${repository}:${key.replaceAll(' ', '-')}-${digest.replace('sha256:', '').slice(0, 12)}`;
  report(`pushing ${reference}`);
  try {
    const pushed = `${repository}@${await engine.push(id, reference, { signal })}`;
    if (isPublishedReference(pushed)) return pushed;
    throw new EngineError(`the engine reports '${pushed}', which is not a sha256 of a manifest`);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new StageError(`could not push the image ${key}: ${cause.message}`, {
      details: cause.details,
      hint: `Log in with \`docker login ${repository.slice(0, repository.indexOf('/'))}\`, and check that you may push to ${repository}.`,
      cause,
    });
  }
}

/** Reports whether a registry has the image. If the engine cannot ask it (Podman), the lock is trusted. */
async function isThere(
  reference: PublishedReference,
  engine: ContainerEngine,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await engine.resolveRemoteDigest(reference, signal);
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.statusCode !== undefined && error.statusCode < 500)
      return false;
    throw error;
  }
}

/** Checks `--push`. Throws UsageError if it is not a registry and a repository. */
export function checkRepository(text: string): void {
  if (
    /^(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w.-]+:\d+)(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+$/.test(text)
  )
    return;
  throw new UsageError(`--push: '${text}' is not REGISTRY/REPOSITORY`, {
    hint: 'Name a registry and a repository in lower case, without a tag: ghcr.io/acme/layersmith.',
  });
}

import { EngineError, StageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { Architecture } from '../platform/platform.js';
import { manifestDigest, type PublishedReference } from './published-reference.js';
import { ociPlatform, type ToolchainImage } from './toolchain.js';

/** Where published images are pulled to. */
export interface PullOptions {
  readonly engine: ContainerEngine;
  readonly offline: boolean;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Returns the image of a reference, and pulls it if the engine does not have it. Its digest is the manifest's, which is the same
 * for every engine and image store. Throws StageError if it cannot be pulled.
 */
export async function publishedImage(
  reference: PublishedReference,
  { architecture, options }: { readonly architecture: Architecture; readonly options: PullOptions },
): Promise<ToolchainImage> {
  const { engine, report, signal } = options;
  const asImage = ({ id }: { readonly id: string }): ToolchainImage => ({
    ...{ id, digest: manifestDigest(reference), reference },
  });
  const present = await engine.inspectImage(reference, signal);
  if (present !== undefined) return asImage(present);
  if (options.offline) {
    throw new StageError(
      `the image ${reference} of the lock is not in the engine, and --offline forbids pulling it`,
      { hint: 'Run once without --offline.' },
    );
  }
  report(`pulling ${reference}`);
  try {
    return asImage(await engine.pull(reference, { signal, platform: ociPlatform(architecture) }));
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    const registry = reference.slice(0, reference.indexOf('/'));
    throw new StageError(`could not pull the toolchain of the lock: ${cause.message}`, {
      details: cause.details,
      hint: `Log in with \`docker login ${registry}\` if it is private, push it again with \`layersmith lock --push\`, or choose another with --toolchain.`,
      cause,
    });
  }
}

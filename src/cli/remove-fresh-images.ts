import type { ContainerEngine } from '../engine/container-engine.js';
import { DEFINITION_LABEL, IMAGE_LABEL } from '../toolchain/toolchain.js';

/**
 * Notes the images that `layersmith lock` or an earlier run left for inspection. Disposing of the result removes those
 * that were created since then, also after a failure or an abort. An image that cannot be removed is a warning.
 */
export async function removingFreshImages(
  engine: ContainerEngine,
  { warn, signal }: { readonly warn: (message: string) => void; readonly signal: AbortSignal },
): Promise<AsyncDisposable> {
  const before = new Set(await freshImages(engine, signal));
  return {
    [Symbol.asyncDispose]: async () => {
      // The signal may have been aborted: the removal does not depend on it.
      const all = await freshImages(engine).catch((error: unknown) => {
        warn(`cannot list the images that were created for inspection: ${messageOf(error)}`);
        return [];
      });
      for (const id of all.filter((image) => !before.has(image))) {
        await engine.removeImage(id).catch((error: unknown) => {
          warn(`cannot remove the image ${id}, which was created for inspection: ${messageOf(error)}`);
        });
      }
    },
  };
}

/** Lists the ids of the images that builds do not find, because they have no label with a definition. */
async function freshImages(engine: ContainerEngine, signal?: AbortSignal): Promise<readonly string[]> {
  const images = await engine.listImages({ key: IMAGE_LABEL }, signal);
  return images.filter(({ labels }) => labels[DEFINITION_LABEL] === undefined).map(({ id }) => id);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { EngineError } from '../core/errors.js';
import type { Container } from '../engine/container-engine.js';
import type { Architecture } from '../platform/platform.js';
import { isForeign, LOADERS } from './foreign-image.js';
import { openImageReader } from './image-reader.js';
import type { RunContext } from './run-context.js';

/** Where the embedded runtime image has its loader and libraries, and the folders that they are copied to. */
const COPIES: Readonly<Record<Architecture, readonly { readonly path: string; readonly to: string }[]>> = {
  x86_64: [
    { path: '/usr/lib/x86_64-linux-gnu', to: '/usr/lib' },
    { path: '/usr/lib64', to: '/usr' },
  ],
  arm64: [
    { path: '/usr/lib/aarch64-linux-gnu', to: '/usr/lib' },
    { path: '/usr/lib/ld-linux-aarch64.so.1', to: '/usr/lib' },
  ],
};

/**
 * Returns a function that lets the programs of a layer start in a container of the image with a shell, if that image is for the
 * engine's machine and the layer is not: it copies the loader and the libraries of the runtime image beside the image's own, where
 * Debian has them for a second architecture. Undefined if the image has the layer's loader. The container needs a writable root.
 */
export async function loaderForShell(
  shellImage: string,
  context: RunContext,
): Promise<((container: Container) => Promise<void>) | undefined> {
  if (!isForeign(context)) return undefined;
  const { architecture } = context.platform;
  const { signal } = context;
  await using shell = await openImageReader({ ...context, image: shellImage });
  if (await hasFile(shell, LOADERS[architecture], signal)) return undefined;
  return async (container) => {
    await using runtime = await openImageReader({ ...context, image: context.runtimeImage.id });
    for (const { path, to } of COPIES[architecture])
      await container.putArchive(to, await runtime.getArchive(path, signal), signal);
  };
}

async function hasFile(container: Container, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    (await container.getArchive(path, signal)).destroy();
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.statusCode === 404) return false;
    throw error;
  }
}

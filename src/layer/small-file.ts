import { buffer } from 'node:stream/consumers';
import type { Entry, ZipFile } from 'yauzl';
import { LayerError } from '../core/errors.js';

/** The largest file of a layer that is read into memory: 16 MiB. Manifests and CA bundles have less than 1 MiB. */
const MAX_IN_MEMORY_BYTES = 16 * 1024 ** 2;

/** Throws LayerError for a file of a layer that is too large to be read into memory. */
export function checkFileSize(
  layer: string,
  { path, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
): void {
  if (sizeBytes <= MAX_IN_MEMORY_BYTES) return;
  throw new LayerError(
    `${path} in ${layer} has ${sizeBytes} bytes, more than the limit of ${MAX_IN_MEMORY_BYTES} for such a file`,
    {
      hint: 'Remove the file from the layer, or build the layer again. If the layer is not yours, do not use it.',
    },
  );
}

/**
 * Reads a small file of a layer zip into memory. Throws LayerError, before reading, if its declared size is above 16 MiB;
 * yauzl refuses content that is longer than declared.
 */
export async function readSmallFile(layer: string, zip: ZipFile, entry: Entry): Promise<Buffer> {
  checkFileSize(layer, { path: entry.fileName, sizeBytes: entry.uncompressedSize });
  return await buffer(await zip.openReadStreamPromise(entry));
}

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { openPromise } from 'yauzl';
import { MANIFEST_PATH, parseManifest, type Manifest } from './manifest.js';

/**
 * Reads the manifest of a layer (a zip or a folder) without reading the rest. Undefined if there is none, or if the path is not
 * a layer; reading the layer reports that. Throws LayerError for an invalid manifest.
 */
export async function findManifest(layer: string): Promise<Manifest | undefined> {
  const bytes = await manifestBytes(layer).catch(() => undefined);
  return bytes === undefined ? undefined : parseManifest(bytes);
}

async function manifestBytes(layer: string): Promise<Buffer | undefined> {
  if ((await stat(layer)).isDirectory()) return readFile(join(layer, MANIFEST_PATH));
  const zip = await openPromise(layer, { autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName === MANIFEST_PATH) return await buffer(await zip.openReadStreamPromise(entry));
    }
    return undefined;
  } finally {
    zip.close();
  }
}

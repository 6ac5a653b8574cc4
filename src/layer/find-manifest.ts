import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { openPromise } from 'yauzl';
import { MANIFEST_PATH, parseManifest, type Manifest } from './manifest.js';

/**
 * The manifest inside a layer, a zip or a folder, without reading the rest of it; undefined where there is none, also for
 * what is no layer at all (reading it will say why). Throws LayerError for a manifest that cannot be understood.
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

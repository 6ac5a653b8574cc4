import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { scratchName } from '../../core/scratch.js';
import type { Manifest } from '../../layer/manifest.js';
import { openContent } from '../../tree/tree-entry.js';
import type { ScratchPlace } from '../../tree/tree.js';
import { readZip } from '../../tree/zip-reader.js';

/** The files that a layer's definition had added to it. Disposing of it removes them. */
export interface AddedFiles extends AsyncDisposable {
  /** Their paths below `/opt`, and where they are now. */
  readonly files: ReadonlyMap<string, string>;
}

/** Takes the files that the definition of a layer added to it out of its zip, so that the layer can be built again. */
export async function addedFiles(
  zip: string,
  { files = [] }: Pick<Manifest, 'files'>,
  { tmpDir }: ScratchPlace,
): Promise<AddedFiles> {
  const folder = join(tmpDir, scratchName());
  const found = new Map<string, string>();
  if (files.length > 0) {
    await using layer = await readZip(zip, { tmpDir });
    await mkdir(folder);
    for (const [index, { path }] of files.entries()) {
      const entry = layer.entries.find((each) => each.path === path);
      if (entry?.type !== 'file') continue;
      const copy = join(folder, String(index));
      await writeFile(copy, await buffer(openContent(entry)), { mode: entry.mode });
      found.set(path, copy);
    }
  }
  return { files: found, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

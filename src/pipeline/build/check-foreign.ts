import { createReadStream } from 'node:fs';
import { sha256OfFile } from '../../core/digest.js';
import { IntegrityError, LayerError } from '../../core/errors.js';
import { findManifest } from '../../layer/find-manifest.js';
import { parseManifest, type Manifest } from '../../layer/manifest.js';
import { refuseExecutableStacks } from '../../stage/executable-stacks.js';
import { normalizeTree } from '../../tree/normalize-tree.js';
import { treeDigest } from '../../tree/pack-tree.js';

/**
 * Checks an artifact that another machine made as if it came out of a container. Throws LayerError for what a stage may not leave, and
 * IntegrityError if its tar is not the normalized one.
 */
export async function checkForeignArtifact(
  path: string,
  { name, tmpDir, signal }: { readonly name: string; readonly tmpDir: string; readonly signal: AbortSignal },
): Promise<void> {
  await using tree = await normalizeTree(createReadStream(path), {
    ...{ tmpDir, signal },
    isRooted: false,
  });
  await refuseExecutableStacks(name, tree.entries);
  const [expected, actual] = [await treeDigest(tree.entries), await sha256OfFile(path)];
  if (expected === actual) return;
  throw new IntegrityError(`the tar of ${name} is not the normalized one of its files`, {
    details: { expected, actual },
    hint: 'Find out who wrote it: layersmith does not make such a tar.',
  });
}

/** Checks that a layer which another machine made has the expected manifest. Throws LayerError if it has not. */
export async function checkForeignManifest(path: string, expected: Manifest): Promise<void> {
  const actual = await findManifest(path);
  // As it would be read from the layer: without undefined values.
  const wanted = parseManifest(Buffer.from(JSON.stringify(expected)));
  if (JSON.stringify(actual) === JSON.stringify(wanted)) return;
  throw new LayerError('the manifest in the layer is not the one of this build', {
    hint: 'Find out who wrote it: it was built from other inputs.',
  });
}

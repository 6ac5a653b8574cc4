import { LayerError } from '../core/errors.js';
import { openContent, type TreeEntry } from '../core/tar.js';

/** Lambda's limits (facts from its documentation): a function with all its layers, unzipped. */
export const MAX_UNZIPPED_BYTES = 250 * 1024 ** 2;
/** A zip that is sent directly; a larger one goes through S3. */
export const MAX_DIRECT_ZIP_BYTES = 50 * 1024 ** 2;

/** Places that exist in a stage container only. */
const BUILD_PATHS = ['/build/work', '/build/out', '/build/recipe', '/build/sources'].map((path) =>
  Buffer.from(path),
);

/**
 * Checks what can be said of a layer tree without running it. Throws LayerError, with every finding, when it
 * is over Lambda's unzipped limit, or when a path of the build containers is left in a file.
 */
export async function checkLayerTree(
  entries: readonly TreeEntry[],
): Promise<{ readonly unzippedBytes: number }> {
  const files = entries.filter((entry) => entry.type === 'file');
  const unzippedBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const findings: string[] = [];
  if (unzippedBytes > MAX_UNZIPPED_BYTES) {
    findings.push(
      `${unzippedBytes} bytes unzipped, over Lambda's ${MAX_UNZIPPED_BYTES} for a function and its layers`,
    );
  }
  for (const file of files) {
    const path = await buildPathIn(file);
    if (path !== undefined) findings.push(`${file.path} names the build path ${path}`);
  }
  if (findings.length > 0) {
    throw new LayerError(
      `the layer breaks ${findings.length === 1 ? 'a rule' : 'rules'}: ${findings.join('; ')}`,
      {
        hint: 'Install less, or compile with relative paths; `layer.files` in package.yaml says what goes in.',
      },
    );
  }
  return { unzippedBytes };
}

async function buildPathIn(file: TreeEntry & { readonly type: 'file' }): Promise<string | undefined> {
  const overlap = Math.max(...BUILD_PATHS.map((path) => path.length)) - 1;
  let tail: Uint8Array = Buffer.alloc(0);
  for await (const chunk of openContent(file) as AsyncIterable<Buffer>) {
    const window = Buffer.concat([tail, chunk]);
    const found = BUILD_PATHS.find((path) => window.includes(path));
    if (found !== undefined) return found.toString();
    tail = window.subarray(-overlap);
  }
  return undefined;
}

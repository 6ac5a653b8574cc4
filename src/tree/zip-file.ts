import { stat } from 'node:fs/promises';
import { sha256OfFile, type Sha256 } from '../core/digest.js';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';

/** A zip on disk. */
export interface ZipFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
}

/** Reads the size and the digest of a zip. Throws UsageError if `path` is not a readable file. */
export async function readZipFile(path: string): Promise<ZipFile> {
  try {
    const info = await stat(path);
    if (info.isFile()) return { path, sizeBytes: info.size, sha256: await sha256OfFile(path) };
  } catch (cause) {
    const code = errorCodeOf(cause);
    if (code === undefined) throw cause;
    throw new UsageError(`cannot read ${path} (${code})`, {
      hint: 'Give the path of a zip, as printed by `layersmith build` or `layersmith package`.',
      cause,
    });
  }
  throw new UsageError(`${path} is not a file`, { hint: 'Give the path of the zip itself.' });
}

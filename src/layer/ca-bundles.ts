import { openPromise } from 'yauzl';
import { sha256, type Sha256 } from '../core/digest.js';
import { readSmallFile } from './small-file.js';

/** A certificate file in a layer. */
export interface CaBundle {
  readonly path: string;
  readonly sha256: Sha256;
  readonly certificates: number;
}

const NAMES = /\.(pem|crt|cer)$/;
const CERTIFICATE = /^-----BEGIN (TRUSTED )?CERTIFICATE-----$/gm;

/**
 * Finds the CA data in a layer zip: certificate files with a known name, in the order of the zip. Throws LayerError for such a
 * file that is larger than 16 MiB.
 */
export async function findCaBundles(zipPath: string): Promise<readonly CaBundle[]> {
  const zip = await openPromise(zipPath, { autoClose: false });
  try {
    const found: CaBundle[] = [];
    for await (const entry of zip.eachEntry()) {
      if (!NAMES.test(entry.fileName)) continue;
      const bytes = await readSmallFile(zipPath, zip, entry);
      const certificates = bytes.toString('latin1').match(CERTIFICATE)?.length ?? 0;
      if (certificates > 0) found.push({ path: entry.fileName, sha256: sha256(bytes), certificates });
    }
    return found;
  } finally {
    zip.close();
  }
}

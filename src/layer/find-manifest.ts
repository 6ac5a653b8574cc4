import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openPromise } from 'yauzl';
import { LayerError, LayersmithError } from '../core/errors.js';
import { checkFileSize, readSmallFile } from './small-file.js';
import { MANIFEST_PATH, parseManifest, type Manifest } from './manifest.js';

/**
 * Reads the manifest of a layer (a zip or a folder) without reading the rest. Undefined if there is none, or if the path is not
 * a layer; reading the layer reports that. Throws LayerError for a manifest that is invalid or larger than 16 MiB, and for a
 * layer that cannot be read.
 */
export async function findManifest(layer: string): Promise<Manifest | undefined> {
  const bytes = await manifestBytes(layer).catch((cause: unknown) => {
    if (cause instanceof LayersmithError) throw cause;
    if (!isSystemError(cause)) return undefined;
    if (ABSENT.has(cause.code)) return undefined;
    throw new LayerError(`cannot read the manifest of ${layer}: ${cause.message}`, {
      hint: 'Check the type and the permissions of the layer.',
      cause,
    });
  });
  return bytes === undefined ? undefined : parseManifest(bytes);
}

/** The codes of system errors for a path where no file is. */
const ABSENT: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** Reports whether the system failed to read a file. Errors of yauzl and zlib, about its content, name no system call. */
function isSystemError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && 'syscall' in cause;
}

async function manifestBytes(layer: string): Promise<Buffer | undefined> {
  if ((await stat(layer)).isDirectory()) {
    const file = join(layer, MANIFEST_PATH);
    checkFileSize(layer, { path: MANIFEST_PATH, sizeBytes: (await stat(file)).size });
    return readFile(file);
  }
  const zip = await openPromise(layer, { autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName === MANIFEST_PATH) return await readSmallFile(layer, zip, entry);
    }
    return undefined;
  } finally {
    zip.close();
  }
}

import { readFile } from 'node:fs/promises';
import { InternalError } from '../core/errors.js';

/** Reads a source file of a runtime. Throws InternalError if it is missing, which means a damaged installation. */
export async function readSource(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new InternalError(`cannot read ${path}, a file of layersmith itself`, { cause });
  }
}

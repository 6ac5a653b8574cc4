import { sep } from 'node:path';
import { StorageError } from '../../core/errors.js';
import { errorCodeOf } from '../../core/file-system.js';
import type { Store } from '../../store/store.js';

/**
 * Runs a function that reads artifacts, layers and sources of a store by their paths. If one of them is gone, because `clean` removed
 * it in the meantime, it throws a StorageError that says so. Other errors are passed on unchanged.
 */
export async function readingStored<T>(store: Pick<Store, 'root'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const path = cause instanceof Error && 'path' in cause ? String(cause.path) : '';
    if (errorCodeOf(cause) !== 'ENOENT' || !path.startsWith(`${store.root}${sep}`)) throw cause;
    throw new StorageError(`an entry of the store was removed while it was in use: ${path}`, {
      hint: 'Run the command again: it compiles what is missing. Run `layersmith clean` while nothing is built, or with --older-than.',
      cause,
    });
  }
}

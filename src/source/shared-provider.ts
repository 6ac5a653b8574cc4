import { SharedStoreError } from '../core/errors.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import type { SourceProvider } from './source-provider.js';

/** Creates a provider of the pinned files in a shared store. Wrong bytes there are a warning, and the file is looked for elsewhere. */
export function createSharedProvider(
  store: Pick<ArtifactStore, 'name' | 'readSource'>,
  warn: (message: string) => void,
): SourceProvider {
  const place = store.name;
  return {
    name: place,
    async find(file, { files, signal }) {
      try {
        const content = await store.readSource(file.sha256, signal);
        if (content === undefined) return { attempts: [{ place, reason: 'it does not have the file' }] };
        const kept = await files.keep(content, file.sha256);
        if (kept.kept) return { path: kept.path, from: place };
        warn(`${file.name} in ${place} is not used: its sha256 is ${kept.actual}, not ${file.sha256}`);
        return { attempts: [{ place, reason: `its sha256 is ${kept.actual}` }] };
      } catch (error) {
        if (!(error instanceof SharedStoreError)) throw error;
        return { attempts: [{ place, reason: error.message }] };
      }
    },
  };
}

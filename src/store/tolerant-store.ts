import { SharedStoreError } from '../core/errors.js';
import type { ArtifactStore } from './artifact-store.js';

/** What `keep` and `keepSource` of a tolerant store return if it takes nothing at the moment. */
export type NotKept = { readonly status: 'unavailable' };

/** A shared store that fails no build: where it does not answer, its entries count as missing. */
export interface TolerantStore extends Omit<ArtifactStore, 'keep' | 'keepSource'> {
  keep(
    ...args: Parameters<ArtifactStore['keep']>
  ): Promise<Awaited<ReturnType<ArtifactStore['keep']>> | NotKept>;
  keepSource(...args: Parameters<ArtifactStore['keepSource']>): Promise<boolean>;
}

/**
 * Wraps a shared store for a build. The first call that the store does not answer is a warning, and no further one is made. If it does not
 * allow reading or writing, a warning says so, and it is not read or written any more.
 */
export function tolerantStore(store: ArtifactStore, warn: (message: string) => void): TolerantStore {
  const off = new Set<'reading' | 'writing'>();
  const attempt = async <T>(
    what: 'reading' | 'writing',
    { instead, work }: { readonly instead: T; readonly work: () => Promise<T> },
  ): Promise<T> => {
    if (off.has(what)) return instead;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SharedStoreError)) throw error;
      // Another call that ran at the same time may have failed first.
      const isNews = !off.has(what);
      off.add(what);
      if (!error.isDenied) off.add('reading').add('writing');
      const without = error.isDenied
        ? `this run ${what === 'reading' ? 'reads' : 'adds'} nothing`
        : 'this run goes on without it';
      if (isNews) warn(`the shared store ${error.message}; ${without}. ${error.hint ?? ''}`.trim());
      return instead;
    }
  };
  return {
    name: store.name,
    find: (...args) => attempt('reading', { instead: undefined, work: () => store.find(...args) }),
    fetch: (...args) => attempt('reading', { instead: false, work: () => store.fetch(...args) }),
    keep: (...args) =>
      attempt<Awaited<ReturnType<TolerantStore['keep']>>>('writing', {
        instead: { status: 'unavailable' },
        work: () => store.keep(...args),
      }),
    readSource: (...args) =>
      attempt('reading', { instead: undefined, work: () => store.readSource(...args) }),
    keepSource: (...args) => attempt('writing', { instead: false, work: () => store.keepSource(...args) }),
  };
}

import { IntegrityError, LayerError, SmokeError } from '../core/errors.js';
import type { ArtifactRecord, SharedShelf } from './artifact-store.js';
import type { Shelf, Store, StoredItem } from './store.js';
import type { TolerantStore } from './tolerant-store.js';

/** The name of the fact that has the result of a stage, as JSON. */
export const RESULT_FACT = 'result';

/**
 * Puts a folder before a shared store: what the folder does not have is fetched from the shared store, checked and added to the folder. What is
 * added goes into the folder alone. Entries that do not pass `check` count as missing, with a warning; with `isStrict` they are an error.
 */
export function layeredStore(
  folder: Store,
  shared: TolerantStore,
  options: {
    readonly isStrict: boolean;
    readonly report: (line: string) => void;
    readonly warn: (message: string) => void;
    readonly signal: AbortSignal;
  },
): Store {
  const { isStrict, report, warn, signal } = options;

  const lookUp = async (shelf: SharedShelf, key: StoredItem['key']): Promise<ArtifactRecord | undefined> =>
    shared.find(shelf, key, signal);

  const take = async (
    shelf: Shelf,
    record: ArtifactRecord,
    check: (path: string) => Promise<void>,
  ): Promise<StoredItem | undefined> => {
    const { key, name, seconds, facts } = record;
    try {
      const item = await folder.add(
        shelf,
        { key, name, seconds: () => seconds, facts: () => facts },
        async (path) => {
          if (!(await shared.fetch(shelf, record, path, signal))) throw new GoneError();
          await check(path);
        },
      );
      report(`${name}: from ${shared.name}`);
      return item;
    } catch (error) {
      if (error instanceof GoneError) return undefined;
      const isItsFault =
        error instanceof IntegrityError || error instanceof LayerError || error instanceof SmokeError;
      if (!isItsFault || isStrict) throw error;
      const values = Object.entries(error.details).map(
        ([what, value]) => `${what} ${[value].flat().join(', ')}`,
      );
      warn([`${name} of the shared store is not used: ${error.message}`, ...values].join('; '));
      return undefined;
    }
  };

  return {
    ...folder,
    async find(shelf, key, options) {
      const item = await folder.find(shelf, key);
      const check = options?.checkForeign;
      if (item !== undefined || check === undefined) return item;
      const record = await lookUp(shelf, key);
      return record && take(shelf, record, check);
    },
    async recall(key) {
      const value = await folder.recall(key);
      if (value !== undefined) return value;
      const text = (await lookUp('stages', key))?.facts[RESULT_FACT];
      if (text === undefined) return undefined;
      await folder.remember(key, parsed(text));
      return folder.recall(key);
    },
  };
}

/** The bytes of an entry are gone, or the store has stopped answering: the entry counts as missing. */
class GoneError extends Error {}

/** The caller checks the value, as that of a folder. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import type { Store, StoreEntry } from '../../store/store.js';

/**
 * Removes entries that were not used for a time, then the least recently used ones until the store is small enough.
 * Returns what was removed, or with `dryRun` what would be removed.
 */
export async function cleanStore(
  store: Store,
  options: {
    readonly olderThanMs: number | undefined;
    readonly maxBytes: number | undefined;
    readonly dryRun: boolean;
    /** Milliseconds since 1970. */
    readonly now: number;
  },
): Promise<readonly StoreEntry[]> {
  const { olderThanMs = Infinity, maxBytes = Infinity, dryRun, now } = options;
  const entries = [...(await store.entries())].sort((a, b) => a.usedAt.getTime() - b.usedAt.getTime());
  let total = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  const removed: StoreEntry[] = [];
  for (const entry of entries) {
    if (now - entry.usedAt.getTime() <= olderThanMs && total <= maxBytes) continue;
    total -= entry.sizeBytes;
    if (!dryRun) await store.remove(entry);
    removed.push(entry);
  }
  return removed;
}

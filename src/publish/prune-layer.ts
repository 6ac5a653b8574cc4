import { UsageError } from '../core/errors.js';
import type { LayerRegistry } from './layer-registry.js';

/** The versions of a layer that were deleted in one region, or would be. */
export interface PrunedLayer {
  readonly region: string;
  /** ARNs, the oldest version first. */
  readonly deleted: readonly string[];
  /** How many versions there were before. */
  readonly found: number;
}

/** Checks how many versions to keep: at least one. Throws UsageError. */
export function checkKeep(keep: number): void {
  if (Number.isInteger(keep) && keep >= 1) return;
  throw new UsageError('--keep must be a whole number, 1 or more', { hint: 'For example: --keep 5.' });
}

/**
 * Deletes all but the `keep` newest versions of a layer in one region, oldest first. With `isDryRun` it only finds them.
 * Throws PublishError if AWS refuses a call.
 */
export async function pruneLayer(
  name: string,
  {
    registry,
    keep,
    isDryRun,
    onDeleted,
  }: {
    readonly registry: LayerRegistry;
    readonly keep: number;
    readonly isDryRun: boolean;
    /** Called with the ARN of each version once it is deleted. */
    readonly onDeleted: (arn: string) => void;
  },
): Promise<PrunedLayer> {
  const versions = await registry.versions(name);
  const old = versions.slice(keep).reverse();
  for (const { arn, version } of old) {
    if (!isDryRun) await registry.remove(name, version);
    onDeleted(arn);
  }
  return { region: registry.region, deleted: old.map(({ arn }) => arn), found: versions.length };
}

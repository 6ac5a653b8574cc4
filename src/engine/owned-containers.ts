import { EngineError } from '../core/errors.js';
import { isGone, processIdentity } from '../core/process-identity.js';
import type { ContainerEngine } from './container-engine.js';

/** Names the process that a container belongs to. */
const OWNER_LABEL = 'io.layersmith.process';

/** Marks a container that a person asked to keep; only `layersmith clean` removes it. */
export const KEPT_LABEL = 'io.layersmith.kept';

const DAY_MS = 24 * 60 * 60 * 1000;

/** What every container of this process carries, so that a later run can sweep it up. */
export function ownerLabels(): Readonly<Record<string, string>> {
  return { [OWNER_LABEL]: processIdentity() };
}

/**
 * Removes containers whose run is over: those whose process is gone, and those of other machines that are
 * older than a day. With `kept`, also the ones that were kept on purpose; with `dryRun`, none is removed.
 * Gives the ids of those that went; `warn` hears of one that the engine cannot remove.
 */
export async function sweepContainers(
  engine: ContainerEngine,
  options: {
    readonly kept: boolean;
    readonly dryRun?: boolean;
    readonly warn?: (message: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<readonly string[]> {
  const containers = await engine.listContainers(OWNER_LABEL, options.signal);
  const left = containers.filter(({ labels, createdAt }) => {
    const over = isGone(labels[OWNER_LABEL] ?? '') || Date.now() - createdAt.getTime() > DAY_MS;
    return over && (options.kept || labels[KEPT_LABEL] === undefined);
  });
  if (options.dryRun === true) return left.map(({ id }) => id);
  const removed: string[] = [];
  for (const { id } of left) {
    try {
      await engine.removeContainer(id);
      removed.push(id);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      options.warn?.(`container ${id.slice(0, 12)} stays: ${error.message}`);
    }
  }
  return removed;
}

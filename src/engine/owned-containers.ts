import { EngineError } from '../core/errors.js';
import { isGone, processIdentity } from '../core/process-identity.js';
import type { ContainerEngine } from './container-engine.js';

/** The label that names the process that a container belongs to. */
const OWNER_LABEL = 'io.layersmith.process';

/** The label of a container that was kept with `--keep-container`; only `layersmith clean` removes it. */
export const KEPT_LABEL = 'io.layersmith.kept';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Returns the labels of every container of this process, by which a later run finds containers that were left behind. */
export function ownerLabels(): Readonly<Record<string, string>> {
  return { [OWNER_LABEL]: processIdentity() };
}

/**
 * Removes the containers of earlier runs: those whose process has ended, and those from other machines that are older than
 * a day. With `kept`, it also removes containers that were kept on purpose; with `dryRun`, it removes nothing. Returns the
 * ids of the (to be) removed containers. `warn` receives a message for each one that the engine cannot remove.
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
      options.warn?.(`cannot remove container ${id.slice(0, 12)}: ${error.message}`);
    }
  }
  return removed;
}

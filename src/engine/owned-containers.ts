import { EngineError } from '../core/errors.js';
import { isLeftBehind, processIdentity } from '../core/process-identity.js';
import type { ContainerEngine } from './container-engine.js';

/** The label that names the process that a container belongs to. */
const OWNER_LABEL = 'io.layersmith.process';

/** The label of a container that was kept with `--keep-container`; only `layersmith clean` removes it. */
export const KEPT_LABEL = 'io.layersmith.kept';

/** Returns the labels of every container of this process, by which a later run finds containers that were left behind. */
export function ownerLabels(): Readonly<Record<string, string>> {
  return { [OWNER_LABEL]: processIdentity() };
}

/**
 * Removes the containers of earlier runs: those whose process has ended, and those older than a day whose process is not
 * visible from here. With `kept`, it also removes containers that were kept on purpose; with `dryRun`, it removes nothing. Returns the
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
    const over = isLeftBehind(labels[OWNER_LABEL] ?? '', createdAt.getTime());
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

import { packTree } from '../tree/pack-tree.js';
import { fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import { HELPER_FOLDER, RELAY_PATH, TMP } from '../platform/sandbox-layout.js';
import type { Container, ContainerEngine, ContainerSpec } from '../engine/container-engine.js';

/**
 * Creates a container that is never started. It holds volumes with the given trees, by path, which other containers mount
 * read-only (`volumesFrom`). All files belong to root.
 */
export async function fillVolumes(
  engine: ContainerEngine,
  options: {
    readonly spec: Omit<ContainerSpec, 'command' | 'env' | 'volumes' | 'volumesFrom'>;
    readonly trees: Readonly<Record<string, Iterable<TreeEntry>>>;
    readonly signal: AbortSignal;
  },
): Promise<Container> {
  const { spec, trees, signal } = options;
  const holder = await engine.createContainer(
    { ...spec, command: ['/nothing'], env: {}, volumes: Object.keys(trees) },
    signal,
  );
  try {
    for (const [path, tree] of Object.entries(trees))
      await holder.putArchive(path, packTree(tree, { owner: 0 }), signal);
    return holder;
  } catch (error) {
    await holder[Symbol.asyncDispose]();
    throw error;
  }
}

/** Returns the entry of the relay program in a tree that is mounted at HELPER_FOLDER. */
export function relayEntry(relay: Uint8Array): TreeEntry {
  return fileEntry(RELAY_PATH.slice(HELPER_FOLDER.length + 1), relay, 0o755);
}

const STICKY_FOR_ALL = 0o1777;

/** Makes the container's volume at `/tmp` world-writable; a new volume is writable only for root. */
export async function openTmp(container: Container, signal: AbortSignal): Promise<void> {
  const tmp: TreeEntry = { type: 'directory', path: '.', mode: STICKY_FOR_ALL };
  await container.putArchive(TMP, packTree([tmp], { owner: 0 }), signal);
}

import { packTree } from '../tree/pack-tree.js';
import { fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import { HELPER_FOLDER, RELAY_PATH, TMP } from '../platform/sandbox-layout.js';
import type { Container, ContainerEngine, ContainerSpec } from '../engine/container-engine.js';

/**
 * A container that is never started: it holds volumes with the given trees, by their paths, which other
 * containers then mount read-only (`volumesFrom`). Everything in them belongs to root.
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

/** The relay's file in a tree that is mounted at HELPER_FOLDER. */
export function relayEntry(relay: Uint8Array): TreeEntry {
  return fileEntry(RELAY_PATH.slice(HELPER_FOLDER.length + 1), relay, 0o755);
}

const STICKY_FOR_ALL = 0o1777;

/** Lets everybody write to the container's volume at `/tmp`, which belongs to root at first. */
export async function openTmp(container: Container, signal: AbortSignal): Promise<void> {
  const tmp: TreeEntry = { type: 'directory', path: '.', mode: STICKY_FOR_ALL };
  await container.putArchive(TMP, packTree([tmp], { owner: 0 }), signal);
}

import { statSync, watch, type FSWatcher } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { treeSignature } from './tree-signature.js';

/** Zips and folders whose changes are noticed. */
export interface FollowedTrees extends Disposable {
  /** Returns a signature that changes when a file of the trees changes. */
  signature(): Promise<string>;
}

/** How long no file is looked at as long as the system reports no change, in milliseconds. */
const TRUSTED_MS = 2000;

/**
 * Follows zips and folders. On Linux the kernel reports changes, and all files are looked at only after one, and from time to
 * time: it does not report what another machine changes on a network drive. On other systems, and if there are more folders
 * than the kernel watches for a user, all files are looked at each time.
 */
export function followTrees(
  paths: readonly string[],
  { platform, now }: { readonly platform: NodeJS.Platform; readonly now: () => number },
): FollowedTrees {
  const watchers = new Map<string, { readonly inode: number; readonly watcher: FSWatcher }>();
  let canWatch = platform === 'linux';
  let hasChanged = true;
  let checkedAt = -Infinity;
  let known = '';

  const stop = (path: string): void => {
    watchers.get(path)?.watcher.close();
    watchers.delete(path);
  };
  const stopAll = (): void => {
    for (const path of [...watchers.keys()]) stop(path);
  };
  /** Watches a folder, or the root of a tree, before it is read, so that no change is missed. */
  const follow = (path: string, inode: number): void => {
    if (!canWatch || watchers.get(path)?.inode === inode) return;
    stop(path);
    try {
      const watcher = watch(path, { persistent: false }, () => {
        hasChanged = true;
      });
      watcher.on('error', () => {
        hasChanged = true;
        stop(path);
      });
      watchers.set(path, { inode, watcher });
    } catch {
      canWatch = false;
      stopAll();
    }
  };
  const check = (): void => {
    const seen = new Set<string>();
    hasChanged = false;
    checkedAt = now();
    known = paths
      .map((path) =>
        treeSignature(path, (folder, inode) => {
          seen.add(folder);
          follow(folder, inode);
        }),
      )
      .join(' ');
    for (const path of [...watchers.keys()]) if (!seen.has(path)) stop(path);
  };

  return {
    async signature() {
      // What the kernel reports is read in the next turn of the event loop, after the one that is running.
      await nextTurn();
      await nextTurn();
      // The root of a tree may be replaced, or be a link that is.
      const isSame = paths.every((path) => inodeOf(path) === watchers.get(path)?.inode);
      if (!canWatch || hasChanged || !isSame || now() - checkedAt > TRUSTED_MS) check();
      return known;
    },
    [Symbol.dispose]: stopAll,
  };
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

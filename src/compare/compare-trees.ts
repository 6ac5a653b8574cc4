import { byPath, type TreeEntry } from '../tree/tree-entry.js';
import { openEntry } from '../tree/open-entry.js';
import { locateDifference } from './locate-difference.js';

/** An entry that differs between two trees. */
export interface Difference {
  readonly path: string;
  readonly kind: 'only-in-first' | 'only-in-second' | 'type' | 'mode' | 'target' | 'content';
  /** For people: the two values, or for contents the place inside the file. */
  readonly detail: string;
}

/** Compares two trees and returns the differences, sorted by path. Files are read in parts. */
export async function compareTrees(
  a: readonly TreeEntry[],
  b: readonly TreeEntry[],
): Promise<readonly Difference[]> {
  const second = new Map(b.map((entry) => [entry.path, entry]));
  const differences: Difference[] = [];
  for (const entry of a) {
    const other = second.get(entry.path);
    second.delete(entry.path);
    const difference = other === undefined ? only(entry, 'first') : await compare(entry, other);
    if (difference !== undefined) differences.push(difference);
  }
  for (const entry of second.values()) differences.push(only(entry, 'second'));
  return differences.sort(byPath);
}

function only({ path, type }: TreeEntry, side: 'first' | 'second'): Difference {
  return { path, kind: `only-in-${side}`, detail: `a ${type} that only the ${side} has` };
}

async function compare(a: TreeEntry, b: TreeEntry): Promise<Difference | undefined> {
  const { path } = a;
  if (a.type === 'symlink' && b.type === 'symlink') {
    return a.target === b.target
      ? undefined
      : { path, kind: 'target', detail: `points to ${a.target} and ${b.target}` };
  }
  if (a.type === 'file' && b.type === 'file') {
    await using first = await openEntry(a);
    await using other = await openEntry(b);
    const detail = await locateDifference(first, other);
    if (detail !== undefined) return { path, kind: 'content', detail };
  }
  if (a.type === 'symlink' || b.type === 'symlink' || a.type !== b.type)
    return { path, kind: 'type', detail: `a ${a.type} and a ${b.type}` };
  if (a.mode === b.mode) return undefined;
  return { path, kind: 'mode', detail: `mode ${a.mode.toString(8)} and ${b.mode.toString(8)}` };
}

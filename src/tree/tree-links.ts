import type { TreeEntry } from './tree-entry.js';

/** Where a path of a tree leads once every link on its way is followed. */
export type Followed =
  /** Below `/opt`, '' for `/opt` itself. The path need not exist. */
  { readonly to: 'tree'; readonly path: string } | { readonly to: 'outside' } | { readonly to: 'circle' };

/** Linux's limit for the links of one path. */
const MAX_LINKS = 40;

/**
 * Follows a target from the folder `from` as the kernel would if the tree were at `/opt`, through every link on its way. After
 * a link, `..` is the parent of the link's target. The path may pass through `/`, of which only `/opt` is known.
 */
export function followLinks(
  target: string,
  { from, entries }: { readonly from: string; readonly entries: ReadonlyMap<string, TreeEntry> },
): Followed {
  let at = ['opt', ...from.split('/').filter((part) => part !== '' && part !== '.')];
  const ahead: string[] = [];
  const follow = (next: string): boolean => {
    if (next === '' || next.includes('\0')) return false;
    if (next.startsWith('/')) at = [];
    ahead.push(...next.split('/').reverse());
    return true;
  };
  if (!follow(target)) return { to: 'outside' };
  let links = 1;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at.pop();
      continue;
    }
    if (at.length === 0 && part !== 'opt') return { to: 'outside' };
    const entry = entries.get([...at, part].slice(1).join('/'));
    if (entry?.type !== 'symlink') {
      at.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return { to: 'circle' };
    if (!follow(entry.target)) return { to: 'outside' };
  }
  return at.length === 0 ? { to: 'outside' } : { to: 'tree', path: at.slice(1).join('/') };
}

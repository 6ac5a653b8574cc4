/**
 * Compares two versions of Debian packages as dpkg does (deb-version(7)): negative if `a` is older, 0 if they are equal,
 * positive if it is newer.
 */
export function compareDebianVersions(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  return (
    left.epoch - right.epoch ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/.exec(version) ?? [];
  const dash = rest.lastIndexOf('-');
  return {
    epoch: Number(epoch),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Compares by turns a stretch without digits, by weight, and a stretch of digits, by value. */
function compareParts(a: string, b: string): number {
  const [left, right] = [stretches(a), stretches(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const [x, y] = [left[i] ?? '', right[i] ?? ''];
    const order = i % 2 === 0 ? compareText(x, y) : compareNumbers(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

/** Splits `1.3~rc` into `['', '1', '.', '3', '~rc']`: text at even indexes, digits at odd ones. */
function stretches(part: string): string[] {
  return part.split(/(\d+)/);
}

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const order = weight(a[i]) - weight(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Returns the sort weight: tilde first, then the end, then letters, then everything else. */
function weight(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

/** Compares digits by value. Dates and hashes can exceed the range of a number. */
function compareNumbers(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  if (x.length !== y.length) return x.length - y.length;
  return x < y ? -1 : Number(x > y);
}

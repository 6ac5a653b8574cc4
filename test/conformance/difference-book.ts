import type { KnownDifference, Sighting } from './known-differences.js';
import type { Difference, Field } from './outcome.js';

/** Checks differences against the table, and remembers what of the table was seen. */
export interface DifferenceBook {
  /** Those that the table does not know. */
  unknown(name: string, differences: readonly Difference[]): readonly Difference[];
  /** What is in the table, and was never seen: `what: field: value`. */
  unseen(): readonly string[];
}

export function openBook(known: readonly KnownDifference[]): DifferenceBook {
  const seen = new Set<string>();
  const sides = known.flatMap((one) =>
    one.seen.flatMap((sighting) =>
      (isLog(sighting.field) ? (['rie', 'ours'] as const) : (['both'] as const))
        .filter((side) => side === 'both' || sighting[side] !== undefined)
        .map((side) => ({ ...one, sighting, side, id: idOf(one, sighting, side) })),
    ),
  );
  const excused = (name: string, difference: Difference): boolean => {
    const matching = sides.filter(
      ({ cases, sighting, side }) =>
        (cases === 'every' || cases.includes(name)) &&
        sighting.field === difference.field &&
        (['rie', 'ours'] as const).every(
          (one) => (side !== 'both' && side !== one) || matches(sighting[one], difference[one]),
        ),
    );
    for (const { id } of matching) seen.add(id);
    return matching.length > 0;
  };
  return {
    unknown: (name, differences) => differences.filter((difference) => !excused(name, difference)),
    unseen: () => sides.map(({ id }) => id).filter((id) => !seen.has(id)),
  };
}

function idOf({ what }: KnownDifference, { field, rie, ours }: Sighting, side: string): string {
  const values = {
    rie: `RIE ${rie ?? ''}`,
    ours: `ours ${ours ?? ''}`,
    both: `${rie ?? ''} / ${ours ?? ''}`,
  };
  return `${what}: ${field}: ${side === 'rie' || side === 'ours' ? values[side] : values.both}`;
}

function isLog(field: Field): boolean {
  return field.startsWith('log ');
}

/** `*` stands for anything. */
function matches(pattern: string | undefined, value: string | undefined): boolean {
  if (pattern === undefined || value === undefined) return false;
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return value === first;
  if (!value.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.endsWith(last) && value.length - last.length >= at;
}

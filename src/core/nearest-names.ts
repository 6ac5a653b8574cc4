import leven from 'leven';

/**
 * Suggests known names for an unknown one: ` Did you mean php/8.4 or php/8.2?`, with a leading space. Returns an empty
 * text if no known name is close.
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, distance: leven(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(
      ({ candidate, distance }) =>
        distance <= Math.max(2, Math.floor(candidate.length / 3)) || candidate.startsWith(`${name}/`),
    )
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
  return near.length === 0 ? '' : ` Did you mean ${near.join(' or ')}?`;
}

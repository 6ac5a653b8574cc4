/** Orders versions that are numbers and dots: 2.9 before 2.34, 3.4 as 3.4.0. Negative, zero or positive, as for `sort`. */
export function compareDotted(a: string, b: string): number {
  const [left = [], right = []] = [a, b].map((text) => text.split('.').map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

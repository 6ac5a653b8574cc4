import { UsageError } from './errors.js';

/** The smallest and the largest number that is accepted. */
export interface NumberRange {
  readonly least: number;
  readonly most: number;
}

/** Returns a flag's value if it is a whole number in the range. Throws UsageError otherwise. */
export function wholeNumber(flag: string, value: number, { least, most }: NumberRange): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${flag} must be a whole number from ${least} to ${most}`, {
    hint: `For example: ${flag} ${Math.max(least, Math.min(most, 10))}.`,
  });
}

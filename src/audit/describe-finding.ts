import type { Finding } from './rules.js';

/** Formats a finding without its remedy: `bin/php: needs libfoo.so.1, … (bin/php → lib/libbar.so.2) [missing-library]`. */
export function describeFinding({ path, message, neededBy, rule }: Finding): string {
  const chain = neededBy === undefined || neededBy.length < 2 ? '' : ` (${neededBy.join(' → ')})`;
  return `${path === undefined ? '' : `${path}: `}${message}${chain} [${rule}]`;
}

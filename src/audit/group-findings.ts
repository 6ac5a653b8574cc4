import type { Finding } from './rules.js';

/** Equal findings of several files. */
export interface FindingGroup {
  /** The first finding of the group. */
  readonly finding: Finding;
  /** The files, in the order of the findings. A library that several programs need is missing once. */
  readonly paths: readonly string[];
}

/**
 * Groups findings that differ only in the file, such as a library that several programs lack, or only in the symbols of one
 * version of a library. Groups are in the order of their first findings.
 */
export function groupFindings(findings: readonly Finding[]): readonly FindingGroup[] {
  const groups = new Map<string, { readonly finding: Finding; readonly paths: Set<string> }>();
  for (const finding of findings) {
    const { rule, severity, path, message, remedy } = finding;
    const key = JSON.stringify([rule, severity, withoutSymbols(message), remedy]);
    const group = groups.get(key) ?? { finding, paths: new Set<string>() };
    if (path !== undefined) group.paths.add(path);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ finding, paths }) =>
    paths.size < 2
      ? { finding, paths: [...paths] }
      : { finding: { ...finding, message: withoutSymbols(finding.message) }, paths: [...paths] },
  );
}

/** Removes the symbols, which differ between files: ` (for arc4random, fork and 3 more)`. */
function withoutSymbols(message: string): string {
  return message.replace(/ \(for [^)]*\)(?=, and )/, '');
}

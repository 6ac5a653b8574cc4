import type { Finding } from './rules.js';

/** Equal findings in several files. */
export interface FindingGroup {
  /** The first of them. */
  readonly finding: Finding;
  /** The files, in the order of the findings; several programs that need a library lack it once. */
  readonly paths: readonly string[];
}

/**
 * Groups findings that differ only in the file, such as a library that several programs lack, and symbol versions of one library
 * that only differ in the symbols. Keeps the order of the first of each group.
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

/** ` (for arc4random, fork and 3 more)`: which symbols of a version each file needs. */
function withoutSymbols(message: string): string {
  return message.replace(/ \(for [^)]*\)(?=, and )/, '');
}

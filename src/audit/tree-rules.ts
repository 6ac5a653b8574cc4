import { posix } from 'node:path';
import { MAX_DIRECT_ZIP_BYTES, MAX_UNZIPPED_BYTES } from '../core/lambda-limits.js';
import { followLinks } from '../tree/tree-links.js';
import type { LayerFacts } from './layer-facts.js';
import type { Finding } from './rules.js';

const SET_ID = 0o6000;
const WRITABLE_FOR_ALL = 0o002;

/** Returns the total size of all files. */
export function unzippedBytes({ entries }: LayerFacts): number {
  return [...entries.values()].reduce((sum, entry) => sum + (entry.type === 'file' ? entry.sizeBytes : 0), 0);
}

/** Checks modes, links and sizes without opening any file. */
export function treeFindings(facts: LayerFacts, zipBytes: number | undefined): readonly Finding[] {
  const { entries } = facts;
  const findings: Finding[] = [];
  for (const entry of entries.values()) {
    const { path } = entry;
    if (entry.type === 'symlink') {
      const finding = linkFinding(entry, facts);
      if (finding !== undefined) findings.push(finding);
      continue;
    }
    const mode = entry.mode.toString(8).padStart(4, '0');
    // On folders, set-gid only sets the group of new files.
    if (entry.type === 'file' && (entry.mode & SET_ID) !== 0) {
      findings.push({
        rule: 'set-id',
        severity: 'error',
        path,
        message: `is ${(entry.mode & 0o4000) === 0 ? 'set-gid' : 'set-uid'} (mode ${mode})`,
        remedy: `chmod ug-s ${path}`,
      });
    }
    if ((entry.mode & WRITABLE_FOR_ALL) !== 0) {
      findings.push({
        rule: 'world-writable',
        severity: 'error',
        path,
        message: `is world-writable (mode ${mode})`,
        remedy: `chmod o-w ${path}`,
      });
    }
  }
  for (const path of facts.duplicates) {
    findings.push({
      rule: 'duplicate',
      severity: 'error',
      path,
      message: 'occurs more than once in the zip',
      remedy: 'Create the zip again, with one entry of that name.',
    });
  }
  const bytes = unzippedBytes(facts);
  const layer = { rule: 'size', path: undefined } as const;
  if (bytes > MAX_UNZIPPED_BYTES) {
    findings.push({
      ...layer,
      severity: 'error',
      message: `${bytes} bytes unzipped, over Lambda's ${MAX_UNZIPPED_BYTES} for a function and its layers`,
      remedy: 'Leave out what is not needed at run time; `layer.files` in package.yaml selects the files.',
    });
  }
  if (zipBytes !== undefined && zipBytes > MAX_DIRECT_ZIP_BYTES) {
    findings.push({
      ...layer,
      severity: 'warning',
      message: `the zip has ${zipBytes} bytes, over Lambda's limit of ${MAX_DIRECT_ZIP_BYTES} for a direct upload`,
      remedy: 'Publish it through S3.',
    });
  }
  return findings;
}

function linkFinding(
  { path, target }: { readonly path: string; readonly target: string },
  { entries }: LayerFacts,
): Finding | undefined {
  const followed = followLinks(target, { from: posix.dirname(path), entries });
  const link = { rule: 'link', path } as const;
  if (followed.to === 'outside') {
    return {
      ...link,
      severity: 'error',
      message: `is a link to ${target}, which leaves the layer`,
      remedy: 'Replace it with a copy of its target, or with a relative link within the layer.',
    };
  }
  if (followed.to === 'circle') {
    return {
      ...link,
      severity: 'error',
      message: `is a link to ${target} in a cycle of links`,
      remedy: 'Point it to a file.',
    };
  }
  const there = followed.path === '' || entries.has(followed.path) || isFolder(followed.path, entries);
  if (there) return undefined;
  return {
    ...link,
    severity: 'warning',
    message: `is a dangling symlink to ${target}`,
    remedy: 'Leave it out, or add its target to this layer or another one.',
  };
}

/** Whether a path is a folder. Zips may omit entries for folders. */
function isFolder(path: string, entries: LayerFacts['entries']): boolean {
  return [...entries.keys()].some((other) => other.startsWith(`${path}/`));
}

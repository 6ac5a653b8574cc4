import { compareSymbols, type SymbolChanges } from '../../compare/compare-symbols.js';
import { compareTrees } from '../../compare/compare-trees.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import type { Manifest, ManifestStage } from '../../layer/manifest.js';

/** One of two layers to compare. A third-party layer has no manifest. */
export interface DiffSide {
  readonly entries: readonly TreeEntry[];
  readonly manifest: Manifest | undefined;
  /** Size of the zip. Undefined for a folder. */
  readonly zipBytes: number | undefined;
}

/** Something with a version in one layer or both. Undefined where it is missing. */
export interface VersionChange {
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** What else differs if the version is the same. */
  readonly note?: string;
}

/** A file or link that differs. */
export interface FileChange {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly bytesBefore: number | undefined;
  readonly bytesAfter: number | undefined;
  /** For a change: the two values, or where inside the file it is. */
  readonly detail: string | undefined;
}

/** Counts and sizes of the files that differ. */
export interface DiffSummary {
  readonly added: { readonly files: number; readonly bytes: number };
  readonly removed: { readonly files: number; readonly bytes: number };
  readonly changed: { readonly files: number; readonly bytesBefore: number; readonly bytesAfter: number };
  /** How many files are the same in both. */
  readonly same: number;
}

/** What changed from one layer to another. */
export interface LayerDiff {
  /** How many files were added, removed and changed, and their total sizes. */
  readonly summary: DiffSummary;
  /** Undefined unless both layers have a manifest. */
  readonly packages: readonly VersionChange[] | undefined;
  readonly toolchain: readonly VersionChange[] | undefined;
  readonly files: readonly FileChange[];
  readonly symbols: readonly SymbolChanges[];
  readonly unzippedBytes: { readonly before: number; readonly after: number };
  readonly zipBytes: { readonly before: number | undefined; readonly after: number | undefined };
}

/** Compares two layers: packages and toolchain by manifest, then files, sizes, and the symbols of ELF files. */
export async function diffLayers(before: DiffSide, after: DiffSide): Promise<LayerDiff> {
  const manifests =
    before.manifest === undefined || after.manifest === undefined
      ? undefined
      : ([before.manifest, after.manifest] as const);
  const files = await fileChanges(before.entries, after.entries);
  return {
    summary: summaryOf(files, before.entries),
    packages: manifests && packageChanges(manifests[0].stages, manifests[1].stages),
    toolchain:
      manifests &&
      versionChanges(
        [{ name: 'image', version: manifests[0].toolchain.digest }, ...manifests[0].toolchain.packages],
        [{ name: 'image', version: manifests[1].toolchain.digest }, ...manifests[1].toolchain.packages],
      ),
    files,
    symbols: await compareSymbols(before.entries, after.entries),
    unzippedBytes: { before: bytesOf(before.entries), after: bytesOf(after.entries) },
    zipBytes: { before: before.zipBytes, after: after.zipBytes },
  };
}

type Versioned = readonly { readonly name: string; readonly version: string }[];

function versionChanges(before: Versioned, after: Versioned): readonly VersionChange[] {
  const [old, now] = [before, after].map((list) => new Map(list.map(({ name, version }) => [name, version])));
  const names = [...new Set([...before, ...after].map(({ name }) => name))];
  return names
    .map((name) => ({ name, before: old?.get(name), after: now?.get(name) }))
    .filter((change) => change.before !== change.after);
}

function packageChanges(
  before: readonly ManifestStage[],
  after: readonly ManifestStage[],
): readonly VersionChange[] {
  // Manifests of older releases name no bundles.
  const haveBundles = [before, after].every((stages) => stages.some(({ bundles }) => bundles !== undefined));
  const named = (stages: readonly ManifestStage[]): Versioned =>
    stages.flatMap((stage) => [
      { name: stage.package, version: stage.version },
      ...(haveBundles ? bundlesOf(stage) : []),
    ]);
  const rebuilt = before.flatMap((stage): VersionChange[] => {
    const other = after.find((each) => each.package === stage.package);
    if (other?.version !== stage.version || isSame(stage, other)) return [];
    return [{ name: stage.package, before: stage.version, after: other.version, note: noteOn(stage, other) }];
  });
  return [...versionChanges(named(before), named(after)), ...rebuilt];
}

function bundlesOf({ package: owner, bundles = [] }: ManifestStage): Versioned {
  return bundles.map(({ name, version = 'unknown' }) => ({ name: `${name} in ${owner}`, version }));
}

/** Whether two stages are the same: by artifact, or by sources and patches if one artifact is unknown (manifest version 1). */
function isSame(before: ManifestStage, after: ManifestStage): boolean {
  if (before.artifact !== undefined && after.artifact !== undefined)
    return before.artifact === after.artifact;
  return noteOn(before, after) === OTHERWISE;
}

const OTHERWISE = 'compiled differently: other settings, toolchain or needs';

function noteOn(before: ManifestStage, after: ManifestStage): string {
  const digests = (files: readonly { readonly sha256: string }[]): string =>
    files.map(({ sha256 }) => sha256).join(' ');
  if (!haveSameSources(before, after)) return 'from another source file';
  const ofSources = ({ sourcePatches = [] }: ManifestStage): string =>
    sourcePatches.map(({ source, path }) => `${source}/${path}`).join(' ');
  if (digests(before.patches) !== digests(after.patches) || ofSources(before) !== ofSources(after))
    return 'with other patches';
  return OTHERWISE;
}

/** Manifests of version 1 name only the alternative of each source that was compiled; later ones name all. */
function haveSameSources(before: ManifestStage, after: ManifestStage): boolean {
  const [one, other] = [before, after].map(({ sources }) => new Set(sources.map(({ sha256 }) => sha256)));
  if (one === undefined || other === undefined) return false;
  return [...one].every((sha256) => other.has(sha256)) || [...other].every((sha256) => one.has(sha256));
}

async function fileChanges(a: readonly TreeEntry[], b: readonly TreeEntry[]): Promise<readonly FileChange[]> {
  const [before, after] = [a, b].map((entries) => new Map(entries.map((entry) => [entry.path, entry])));
  const bytes = (entry: TreeEntry | undefined): number | undefined =>
    entry?.type === 'file' ? entry.sizeBytes : undefined;
  return (await compareTrees(a, b)).flatMap(({ path, kind, detail }): FileChange[] => {
    const [first, second] = [before?.get(path), after?.get(path)];
    // Folders appear and disappear with their content.
    if ((first ?? second)?.type === 'directory' && kind !== 'type' && kind !== 'mode') return [];
    const sizes = { path, bytesBefore: bytes(first), bytesAfter: bytes(second) };
    if (kind === 'only-in-first') return [{ ...sizes, change: 'removed', detail: undefined }];
    if (kind === 'only-in-second') return [{ ...sizes, change: 'added', detail: undefined }];
    return [{ ...sizes, change: 'changed', detail }];
  });
}

function summaryOf(files: readonly FileChange[], before: readonly TreeEntry[]): DiffSummary {
  const of = (change: FileChange['change']): readonly FileChange[] =>
    files.filter((file) => file.change === change);
  const sum = (list: readonly FileChange[], side: 'bytesBefore' | 'bytesAfter'): number =>
    list.reduce((total, file) => total + (file[side] ?? 0), 0);
  const [added, removed, changed] = [of('added'), of('removed'), of('changed')];
  const differing = new Set([...removed, ...changed].map(({ path }) => path));
  return {
    added: { files: added.length, bytes: sum(added, 'bytesAfter') },
    removed: { files: removed.length, bytes: sum(removed, 'bytesBefore') },
    changed: {
      files: changed.length,
      bytesBefore: sum(changed, 'bytesBefore'),
      bytesAfter: sum(changed, 'bytesAfter'),
    },
    same: before.filter(({ path, type }) => type !== 'directory' && !differing.has(path)).length,
  };
}

function bytesOf(entries: readonly TreeEntry[]): number {
  return entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.sizeBytes : 0), 0);
}

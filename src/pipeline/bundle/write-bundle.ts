import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileFindings } from '../../audit/file-rules.js';
import { readLayerFacts } from '../../audit/layer-facts.js';
import { copyFileAtomically, writeFileAtomically } from '../../core/atomic-file.js';
import { openScope, type DisposalScope } from '../../core/disposal-scope.js';
import { scratchFile } from '../../core/scratch.js';
import { sha256OfFile, type Sha256 } from '../../core/digest.js';
import { MAX_DIRECT_ZIP_BYTES } from '../../core/lambda-limits.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import { readCodeTree } from '../../tree/code-tree.js';
import type { Manifest } from '../../layer/manifest.js';
import { formatLayerRecord, recordPath } from '../../layer/layer-record.js';
import { checkUnzippedSize, mergeLayers } from '../../tree/merge-layers.js';
import { MAX_ENTRIES_WITHOUT_ZIP64 } from '../../tree/zip-records.js';
import { writeZip } from '../../tree/zip-writer.js';
import { BUNDLE_ROOT } from '../../runtime/runtime.js';
import { withoutIgnored } from './ignored-files.js';
import { findSecretFiles } from './secret-files.js';
import { compileBundle } from './compile-bundle.js';
import { metadataPaths } from '../build/layer-metadata.js';
import type { BundleRequest, BundleRuntime } from './bundle-request.js';
import { vendorFiles } from './vendor-files.js';
import { vendorRecord } from './vendor-record.js';

/** Result of `writeBundle`. */
export interface BundleResult {
  readonly path: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** How many files the zip has, and how many of them are also present in compiled form. */
  readonly files: number;
  readonly compiled: number;
  /** Path of the record next to the zip of a vendor layer, which `publish` needs. */
  readonly manifestPath?: string;
}

/**
 * Packs a function, or a Composer project's libraries as a layer, into a zip whose bytes depend on the files alone. The zip
 * is replaced in one rename.
 *
 * Throws UsageError for a folder that cannot be packed, LayerError for content that Lambda would refuse, StageError if
 * Composer or PHP fails.
 */
export async function writeBundle(request: BundleRequest): Promise<BundleResult> {
  const { kind, output } = request;
  await using scope = openScope();
  const runtime = await runtimeOf(request, scope);
  const tree = normalized(
    await (kind === 'function' ? functionFiles(request, scope) : vendorFiles({ ...request, runtime, scope })),
  );
  // The audit of a vendor layer refuses them.
  if (kind === 'function' && runtime !== undefined)
    await warnAboutOtherMachines(tree, { manifest: runtime.layer.manifest, reporter: request.reporter });
  const added =
    request.precompile && runtime !== undefined
      ? await compileBundle({ kind, tree }, { ...runtime, scope })
      : [];
  const whole = normalized([...tree, ...added]);
  checkUnzippedSize(whole);
  const { path: zip } = scope.own(scratchFile(request.tmpDir));
  if (whole.length > MAX_ENTRIES_WITHOUT_ZIP64)
    request.reporter.warn(
      `${output} has ${whole.length} entries and needs zip64, which has not been tested on Lambda`,
    );
  await writeZip(zip, whole);
  const sizeBytes = (await stat(zip)).size;
  if (sizeBytes > MAX_DIRECT_ZIP_BYTES)
    request.reporter.warn(`${output} has ${sizeBytes} bytes: Lambda accepts it only through S3`);
  const digest = await sha256OfFile(zip);
  const record =
    kind === 'vendor'
      ? await vendorRecord(whole, { ...request, runtime, zip: { sha256: digest, sizeBytes } })
      : undefined;
  await copyFileAtomically(zip, output);
  const manifestPath = recordPath(output);
  if (record !== undefined) await writeFileAtomically(manifestPath, formatLayerRecord(record));
  return {
    path: output,
    sha256: digest,
    sizeBytes,
    files: tree.filter(({ type }) => type !== 'directory').length,
    compiled: added.filter(({ path }) => path.endsWith('.bin')).length,
    ...(record === undefined ? {} : { manifestPath }),
  };
}

async function runtimeOf(
  { runtime, tmpDir, reporter }: BundleRequest,
  scope: DisposalScope,
): Promise<BundleRuntime | undefined> {
  if (runtime === undefined) return undefined;
  const { path, manifest, abiProfiles, context } = runtime;
  const layer = scope.own(
    await readCodeTree(path, { what: 'layer', root: '/opt', tmpDir, warn: reporter.warn }),
  );
  return { layer: { tree: mergeLayers([layer]), manifest, runtime: runtime.runtime }, abiProfiles, context };
}

/** A function may have programs for several machines, so those that cannot start on the layer's are not refused. */
async function warnAboutOtherMachines(
  tree: readonly TreeEntry[],
  {
    manifest: { recipe, architecture },
    reporter,
  }: Pick<BundleRequest, 'reporter'> & { readonly manifest: Manifest },
): Promise<void> {
  const findings = fileFindings(await readLayerFacts(tree), architecture);
  const wrong = findings.filter(({ rule }) => rule === 'wrong-machine');
  if (wrong.length === 0) return;
  const shown = wrong.slice(0, MAX_SHOWN).map(({ path, message }) => `${path ?? ''} ${message}`);
  const more = wrong.length > shown.length ? `; and ${wrong.length - shown.length} more` : '';
  reporter.warn(`some files cannot be used on the layer of ${recipe}: ${shown.join('; ')}${more}`);
}

/** How many files a warning names. */
const MAX_SHOWN = 5;

async function functionFiles(
  { folder, output, runtime, reporter, tmpDir }: BundleRequest,
  scope: DisposalScope,
): Promise<readonly TreeEntry[]> {
  const all = scope.own(
    await readCodeTree(folder, {
      what: 'function',
      root: BUNDLE_ROOT.function,
      tmpDir,
      warn: reporter.warn,
    }),
  );
  // An earlier output and the layer may be in the folder itself.
  const zips = [output, ...(runtime === undefined ? [] : [runtime.path])];
  const ours = new Set(
    zips.flatMap((zip) => [zip, ...Object.values({ ...metadataPaths(dirname(zip), basename(zip, '.zip')) })]),
  );
  const entries = all.entries.filter(({ path }) => !ours.has(join(folder, path)));
  const code = await withoutIgnored({ ...all, entries }, 'function');
  const paths = new Set(code.entries.map(({ path }) => path));
  if (paths.has('composer.json') && !paths.has('vendor') && !paths.has('vendor/autoload.php'))
    reporter.warn(
      `${folder} has a composer.json but no vendor/: package the libraries as a layer with \`layersmith package vendor\`, or run Composer first`,
    );
  const secrets = findSecretFiles(code.entries);
  if (secrets.length > 0)
    reporter.warn(
      `the package contains files that often hold secrets: ${secrets.join(', ')}; name them in .layersmithignore unless the function needs them`,
    );
  // Folders are added with their content.
  return code.entries.filter(({ type }) => type !== 'directory');
}

/** Sorts the entries and adds every folder. Modes become 0755 or 0644; times are removed. */
function normalized(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  return mergeLayers([{ path: 'the package', entries }]).map((entry): TreeEntry => {
    if (entry.type !== 'file') return entry.type === 'directory' ? { ...entry, mode: 0o755 } : entry;
    const { mtime: _mtime, ...rest } = entry;
    return { ...rest, mode: (entry.mode & 0o111) === 0 ? 0o644 : 0o755 };
  });
}

import { sha256, sha256OfFile, type Sha256 } from '../../core/digest.js';
import { readPrebuilt } from '../../core/prebuilt.js';
import { relayProgram } from '../../lambda/relay-program.js';
import type { Manifest } from '../../layer/manifest.js';
import { layerStages } from '../../recipe/plan.js';
import type { BuildTarget } from './build-context.js';
import { judgeDigest } from './judge-digest.js';
import { manifestOf, type ManifestTarget } from './layer-manifest.js';
import { generatedFiles, smokeFilesOf, smokeOf } from './layer-parts.js';
import type { PlannedLayer } from './planned-layer.js';
import type { ResolvedPlan } from './resolve-plan.js';

/** What decides the keys of a layer, besides its plan and its manifest. */
export interface LayerKeyTarget extends Pick<BuildTarget, 'packageRoot' | 'platform' | 'abiProfiles'> {
  readonly toolchain: { readonly runtimeImage: { readonly digest: string } };
}

/** Returns the layer's key: everything that decides the bytes of its zip and the results of its tests. */
export async function layerKey(
  manifest: Manifest,
  options: { readonly layer: PlannedLayer; readonly target: LayerKeyTarget },
): Promise<Sha256> {
  return sha256(JSON.stringify(['content', manifest, ...(await judgingOf(options))]));
}

/**
 * Returns the key of a layer that is known before anything is built. It has the input keys of its stages in place of the digests of their
 * artifacts. The same recipes, definition, platform, toolchain and release of layersmith result in the same key on every machine.
 */
export async function layerInputKey(
  resolved: ResolvedPlan,
  options: {
    readonly layer: PlannedLayer;
    readonly target: LayerKeyTarget & Omit<ManifestTarget, 'toolchainPackages'>;
  },
): Promise<Sha256> {
  const { layer, target } = options;
  // The digest of the toolchain stands for its packages.
  const manifest = await manifestOf(resolved, {
    results: [],
    settings: layer.settings,
    target: { ...target, toolchainPackages: [] },
  });
  const keys = resolved.layer.map(({ inputKey }) => inputKey);
  return sha256(JSON.stringify(['input', keys, manifest, ...(await judgingOf(options))]));
}

/** Returns what decides how a layer is assembled, audited and tested. */
async function judgingOf({
  layer: { plan, settings },
  target,
}: {
  readonly layer: PlannedLayer;
  readonly target: LayerKeyTarget;
}): Promise<readonly unknown[]> {
  const relay = await relayProgram(target.platform);
  const digests = async (files: ReadonlyMap<string, string>): Promise<readonly string[]> =>
    (await Promise.all([...files].map(async ([path, file]) => `${path} ${await sha256OfFile(file)}`))).sort();
  const generated = await generatedFiles(plan, { settings, packageRoot: target.packageRoot });
  const parts = layerStages(plan).map(async ({ recipe: { layer, extension, layerFiles } }) => [
    layer && [layer.interpreter, layer.files],
    extension && [extension.files],
    await digests(layerFiles),
  ]);
  return [
    await judgeDigest(target.packageRoot),
    target.abiProfiles.map(({ newest, named, libraries, present, interpreters }) =>
      [newest, named, libraries, present, interpreters].map((each) => [...each]),
    ),
    sha256(relay),
    sha256(await readPrebuilt('deflate.wasm')),
    target.toolchain.runtimeImage.digest,
    generated.map((entry) => [
      entry.path,
      entry.type === 'file' && 'bytes' in entry.content && sha256(entry.content.bytes),
    ]),
    await Promise.all(parts),
    smokeOf(plan),
    await digests(smokeFilesOf(plan)),
  ];
}

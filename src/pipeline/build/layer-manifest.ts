import { sha256OfFile } from '../../core/digest.js';
import { VERSION } from '../../core/version.js';
import type { Manifest, ManifestStage } from '../../layer/manifest.js';
import type { BuildContext } from './build-context.js';
import type { KeyedStage } from './keyed-plan.js';

/** The manifest of the layer that these stages make, the last of which is the layer's own recipe. */
export async function manifestOf(
  stages: readonly KeyedStage[],
  { platform, toolchain, toolchainPackages }: BuildContext,
): Promise<Manifest> {
  const root = stages.at(-1)?.stage.recipe;
  if (root === undefined) throw new RangeError('a layer has one stage at least');
  return {
    schemaVersion: 1,
    layersmith: VERSION,
    recipe: root.name,
    version: root.version,
    platform: platform.name,
    architecture: platform.architecture,
    toolchain: {
      kind: toolchain.kind,
      digest: toolchain.toolchain.digest,
      packages: toolchainPackages.map(({ name, version }) => ({ name, version })),
    },
    stages: await Promise.all(stages.map(stageOf)),
  };
}

async function stageOf({ stage, key, sources }: KeyedStage): Promise<ManifestStage> {
  const { recipe } = stage;
  // As recipes/stage.sh applies them.
  const patches = [...recipe.buildFiles].filter(([path]) => path.startsWith('patches/')).sort();
  return {
    recipe: recipe.name,
    package: recipe.package,
    version: recipe.version,
    licence: recipe.licence,
    homepage: recipe.homepage,
    cpe: recipe.cpe,
    endOfLife: recipe.endOfLife,
    needs: stage.needs.map((need) => need.recipe.name).sort(),
    key,
    sources: sources.map(({ source, file }) => ({
      name: source.name,
      file: file.file,
      sha256: file.sha256,
      urls: [...file.urls],
    })),
    patches: await Promise.all(
      patches.map(async ([path, file]) => ({ file: path, sha256: await sha256OfFile(file) })),
    ),
  };
}

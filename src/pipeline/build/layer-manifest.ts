import { sha256OfFile } from '../../core/digest.js';
import { isExecutable } from '../../core/file-system.js';
import type { LayerSettings } from '../../layer/layer-settings.js';
import type { Manifest, ManifestBundle, ManifestStage } from '../../layer/manifest.js';
import type { PlannedStage } from '../../recipe/plan.js';
import type { Bundle, Recipe } from '../../recipe/recipe.js';
import type { Toolchain } from '../../toolchain/toolchain.js';
import type { BuildTarget } from './build-context.js';
import type { ResolvedPlan } from './resolve-plan.js';
import type { StageOutcome, StageResult } from './stage-results.js';

/** What a manifest says of the platform and the toolchain. */
export interface ManifestTarget extends Pick<BuildTarget, 'platform' | 'toolchainPackages'> {
  readonly toolchain: Pick<Toolchain, 'kind'> & { readonly buildImage: { readonly digest: string } };
}

/** Creates the manifest of a layer from the results of the stages that go into it. */
export async function manifestOf(
  { root, layer, stages, start }: ResolvedPlan,
  {
    results,
    settings,
    target,
  }: {
    readonly results: readonly StageResult[];
    readonly settings: LayerSettings;
    readonly target: ManifestTarget;
  },
): Promise<Manifest> {
  const { platform, toolchain, toolchainPackages } = target;
  const { recipe } = root.stage;
  const outcomes = new Map(outcomesOf(results).map((outcome) => [outcome.recipe, outcome]));
  return {
    schemaVersion: 2,
    recipe: recipe.name,
    version: recipe.version,
    interpreter: recipe.layer?.interpreter,
    ...(layer.length === 1 ? {} : { extensions: layer.slice(1).map(({ stage }) => stage.recipe.name) }),
    ...(settings.mode === 'function' ? {} : { mode: settings.mode }),
    ...(Object.keys(settings.ini).length === 0 ? {} : { ini: settings.ini }),
    ...(settings.files.size === 0 ? {} : { files: await filesOf(settings) }),
    ...(start === undefined ? {} : { start }),
    platform: platform.name,
    architecture: platform.architecture,
    toolchain: {
      kind: toolchain.kind,
      digest: toolchain.buildImage.digest,
      packages: toolchainPackages.map(({ name, version }) => ({ name, version })),
    },
    stages: await Promise.all(stages.map(({ stage }) => stageOf(stage, outcomes.get(stage.recipe.name)))),
  };
}

function filesOf({ files }: LayerSettings): Promise<Manifest['files']> {
  return Promise.all(
    [...files].sort().map(async ([path, file]) => ({
      path,
      sha256: await sha256OfFile(file),
      ...((await isExecutable(file)) ? { executable: true as const } : {}),
    })),
  );
}

/** Returns the outcomes of all stages that led to some results, each once and after its needs. */
export function outcomesOf(results: readonly StageResult[]): readonly StageOutcome[] {
  const all = results.flatMap(({ recipe, artifact, sources, below }) => [
    ...below,
    { recipe, artifact, sources },
  ]);
  return [...new Map(all.map((outcome) => [outcome.recipe, outcome])).values()];
}

async function stageOf(stage: PlannedStage, outcome: StageOutcome | undefined): Promise<ManifestStage> {
  const { recipe } = stage;
  return {
    recipe: recipe.name,
    package: recipe.package,
    version: recipe.version,
    license: recipe.license,
    homepage: recipe.homepage,
    cpe: recipe.cpe,
    endOfLife: recipe.endOfLife,
    needs: stage.needs.map((need) => need.recipe.name).sort(),
    artifact: outcome?.artifact,
    sources: recipe.sources.flatMap(({ name, alternatives }) =>
      alternatives.map(({ name: file, sha256, urls }) => ({ name, file, sha256, urls: [...urls] })),
    ),
    patches: [...(await patchesOf(recipe))],
    // Undefined keys are not written: a package without them has the same bytes as before there were any.
    sourcePatches: recipe.patches.length === 0 ? undefined : sourcePatchesOf(recipe),
    bundles: recipe.bundles.length === 0 ? undefined : recipe.bundles.map(bundleOf),
  };
}

/** Returns the patches that a recipe takes from its sources, as the manifest lists them. */
export function sourcePatchesOf({ patches }: Recipe): NonNullable<ManifestStage['sourcePatches']> {
  return patches.map(({ source, path, resolves }) => ({ source, path, resolves: [...resolves] }));
}

function bundleOf({ name, version, license, homepage, cpe }: Bundle): ManifestBundle {
  return { name, version, license, homepage, cpe };
}

/** Returns the patches of a recipe's version, in the order in which recipes/stage.sh applies them. */
export function patchesOf(recipe: Recipe): Promise<ManifestStage['patches']> {
  const patches = [...recipe.buildFiles].filter(([path]) => path.startsWith('patches/')).sort();
  return Promise.all(patches.map(async ([path, file]) => ({ file: path, sha256: await sha256OfFile(file) })));
}

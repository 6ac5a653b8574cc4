import { UsageError } from '../../core/errors.js';
import type { LayerSettings } from '../../layer/layer-settings.js';
import { layerStages, type Plan } from '../../recipe/plan.js';
import type { LayerSpec, Recipe, SmokeSpec } from '../../recipe/recipe.js';
import type { Runtime } from '../../runtime/runtime.js';
import { runtimeOf, runtimesFolder } from '../../runtime/runtimes.js';
import { fileEntry, type TreeEntry } from '../../tree/tree-entry.js';

/** The parts of a recipe from which a layer is made. */
export interface LayerParts {
  readonly layer: LayerSpec;
  readonly smoke: SmokeSpec;
  readonly runtime: Runtime;
}

/** Returns the parts of a recipe's layer. Throws UsageError for a library or a tool, RecipeError for an unknown runtime. */
export function layerParts(recipe: Recipe): LayerParts {
  const { layer, smoke } = recipe;
  if (layer === undefined || smoke === undefined) {
    throw new UsageError(`${recipe.name} is a ${recipe.kind}: no layer is made from it`, {
      hint: 'Name an interpreter; `layersmith recipes` lists them.',
    });
  }
  return { layer, smoke, runtime: runtimeOf(layer) };
}

/**
 * Generates the files of a plan's layer: the bootstrap, and the settings that load extensions and that its definition makes.
 * Throws UsageError for settings of an interpreter that has none.
 */
export async function generatedFiles(
  { root, extensions }: Plan,
  { settings, packageRoot }: { readonly settings: LayerSettings; readonly packageRoot: string },
): Promise<readonly TreeEntry[]> {
  const { runtime } = layerParts(root.recipe);
  const rules = runtime.settings;
  const hasSettings = Object.keys(settings.ini).length > 0;
  if (rules === undefined && (hasSettings || extensions.length > 0)) {
    throw new UsageError(`${runtime.language} has neither settings nor extensions`, {
      hint: 'Leave `ini` and `extensions` out of its layers.',
    });
  }
  return [
    fileEntry('bootstrap', await runtime.bootstrap(runtimesFolder(packageRoot), settings.mode), 0o755),
    ...extensions.flatMap(({ recipe }) => {
      const loading = recipe.extension && rules?.load(recipe.package, recipe.extension);
      return loading === undefined ? [] : [loading];
    }),
    ...(rules !== undefined && hasSettings ? [rules.ofLayer(settings.ini)] : []),
  ];
}

/** Returns the smoke tests of a plan's layer: those of the interpreter and of its extensions. */
export function smokeOf(plan: Plan): SmokeSpec {
  const specs = layerStages(plan).flatMap(({ recipe }) => {
    const { smoke, extension } = recipe;
    if (smoke === undefined) return [];
    const named = ({ name }: { readonly name: string }): string =>
      extension === undefined ? name : `${recipe.package}: ${name}`;
    return [
      {
        programs: smoke.programs.map((program) => ({ ...program, name: named(program) })),
        invocations: smoke.invocations.map((invocation) => ({ ...invocation, name: named(invocation) })),
      },
    ];
  });
  return {
    programs: specs.flatMap(({ programs }) => programs),
    invocations: specs.flatMap(({ invocations }) => invocations),
  };
}

/** Returns the files of the smoke tests, by their path below `/var/task`. Those of an extension are in a folder of its name. */
export function smokeFilesOf(plan: Plan): ReadonlyMap<string, string> {
  return new Map(
    layerStages(plan).flatMap(({ recipe }) =>
      [...recipe.smokeFiles].map(([path, file]): [string, string] => [
        recipe.extension === undefined ? path : `${recipe.package}/${path}`,
        file,
      ]),
    ),
  );
}

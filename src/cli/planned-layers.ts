import { RecipeError, UsageError, type Problem } from '../core/errors.js';
import { kindOf } from '../core/file-system.js';
import { didYouMean } from '../core/nearest-names.js';
import {
  DEFAULT_ARCHITECTURE,
  DEFAULT_PLATFORM,
  type LayerDefinition,
} from '../definition/layer-definition.js';
import { DEFINITION_FILE, findProject } from '../definition/project.js';
import type { Manifest } from '../layer/manifest.js';
import { NO_SETTINGS } from '../layer/layer-settings.js';
import type { PlannedLayer } from '../pipeline/build/planned-layer.js';
import { layerParts } from '../pipeline/build/layer-parts.js';
import {
  platformNames,
  readPlatformFile,
  type Architecture,
  type PlatformFolders,
} from '../platform/platform.js';
import { planFor, type Plan } from '../recipe/plan.js';
import { parseRecipeName, type RecipeLibrary } from '../recipe/recipe-library.js';
import type { Io } from './io.js';
import { platformFolders } from './session.js';

/** The recipe that is built without a name and without layersmith.yaml. */
const DEFAULT_RECIPE = 'php/8.4';

/** A layer, and what it is to be built for. */
export interface TargetedLayer {
  /** What names the layer on the command line: an entry of layersmith.yaml, or a recipe. */
  readonly target: string;
  readonly layer: PlannedLayer;
  readonly platform: string;
  readonly arch: Architecture;
}

/** Flags of commands that plan layers. */
export interface LayerArgs {
  /** Names of layers in layersmith.yaml, or of recipes. If empty, all layers of the file, else PHP. */
  readonly names: readonly string[];
  /** `--with`: extensions for a recipe, separated by commas. */
  readonly with: readonly string[];
  /** Overrides the platforms of definitions. */
  readonly platform: string | undefined;
  /** Overrides the architectures of definitions. */
  readonly arch: readonly Architecture[] | undefined;
}

/**
 * Plans the layers that the arguments name, for each of their platforms and architectures. A name of layersmith.yaml comes
 * before that of a recipe. Throws RecipeError with the problems of all definitions and recipes, and UsageError for unknown
 * names.
 */
export async function plannedLayers(
  io: Io,
  args: LayerArgs,
  library: RecipeLibrary,
): Promise<readonly TargetedLayer[]> {
  const { layers: defined } = await findProject(io.cwd);
  const folders = await platformFolders(io);
  if (args.platform !== undefined) await readPlatformFile(args.platform, folders);
  const all = defined.length > 0 ? defined.map(({ name }) => name) : [DEFAULT_RECIPE];
  const extensions = args.with.flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== '');
  const problems: Problem[] = [];
  const targets: TargetedLayer[] = [];
  for (const name of new Set(args.names.length === 0 ? all : args.names)) {
    const definition = defined.find((each) => each.name === name);
    if (definition !== undefined && extensions.length > 0) {
      throw new UsageError(`--with adds extensions to a recipe, not to the layer ${name}`, {
        hint: `Add them to \`extensions\` of ${name} in ${DEFINITION_FILE}.`,
      });
    }
    try {
      const layer =
        definition === undefined
          ? await layerOfRecipe(name, { extensions, defined, library })
          : await layerOfDefinition(definition, { library, folders });
      const platforms = args.platform === undefined ? definition?.platforms : [{ name: args.platform }];
      for (const { name: platform } of platforms ?? [{ name: DEFAULT_PLATFORM }]) {
        for (const arch of new Set(args.arch ?? definition?.architectures ?? [DEFAULT_ARCHITECTURE])) {
          targets.push({ target: name, layer, platform, arch });
        }
      }
    } catch (error) {
      if (!(error instanceof RecipeError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) {
    const isOfProject = problems.some(({ file }) => file.endsWith(DEFINITION_FILE));
    throw new RecipeError(problems.sort(byPlace), isOfProject ? { what: DEFINITION_FILE } : {});
  }
  return targets;
}

function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** Groups layers by platform and architecture, in their order. */
export function groupByTarget(
  targets: readonly TargetedLayer[],
): readonly (Omit<TargetedLayer, 'layer' | 'target'> & { readonly layers: readonly PlannedLayer[] })[] {
  const groups = new Map<string, { platform: string; arch: Architecture; layers: PlannedLayer[] }>();
  for (const { layer, platform, arch } of targets) {
    const key = `${platform} ${arch}`;
    const group = groups.get(key) ?? { platform, arch, layers: [] };
    group.layers.push(layer);
    groups.set(key, group);
  }
  return [...groups.values()];
}

async function layerOfRecipe(
  name: string,
  {
    extensions,
    defined,
    library,
  }: {
    readonly extensions: readonly string[];
    readonly defined: readonly LayerDefinition[];
    readonly library: RecipeLibrary;
  },
): Promise<PlannedLayer> {
  const chosen = extensions.map((text) => ({ ...parseRecipeName(text), position: undefined }));
  try {
    const plan = await planFor(parseRecipeName(name), library, chosen);
    const more = [...new Set(chosen.map((extension) => extension.package))].sort();
    return {
      name: [nameOfBase(plan), ...more].join('-'),
      plan,
      settings: NO_SETTINGS,
    };
  } catch (error) {
    const names = defined.map((each) => each.name);
    const near = didYouMean(name, names);
    if (!(error instanceof UsageError) || name.includes('/') || near === '') throw error;
    throw new UsageError(`there is neither a layer nor a recipe ${name}.${near}`, {
      hint: `The layers of ${DEFINITION_FILE} are ${names.join(', ')}.`,
      cause: error,
    });
  }
}

async function layerOfDefinition(
  definition: LayerDefinition,
  { library, folders }: { readonly library: RecipeLibrary; readonly folders: PlatformFolders },
): Promise<PlannedLayer> {
  const { name, base, extensions, mode, ini, files, start } = definition;
  const { position, modePosition, iniPosition } = definition;
  const problems: Problem[] = [
    ...(await missingFiles(definition)),
    ...(await unknownPlatforms(definition, folders)),
  ];
  let plan: Plan | undefined;
  try {
    plan = await planFor(base, library, extensions, start);
    const { runtime } = layerParts(plan.root.recipe);
    if (!runtime.modes.includes(mode)) {
      problems.push({ ...modePosition, message: `${name}: ${runtime.language} has no mode ${mode}` });
    }
    if (runtime.settings === undefined && Object.keys(ini).length > 0) {
      problems.push({ ...iniPosition, message: `${name}: ${runtime.language} has no settings` });
    }
  } catch (error) {
    if (error instanceof RecipeError) problems.push(...error.problems);
    // An unknown recipe is a usage error on the command line, and a problem of the file here.
    else if (error instanceof UsageError) problems.push({ ...position, message: error.message });
    else throw error;
  }
  if (plan === undefined || problems.length > 0) throw new RecipeError(problems);
  return { name, plan, settings: { mode, ini, files: new Map(files.map(({ path, file }) => [path, file])) } };
}

async function missingFiles({ name, files }: LayerDefinition): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const { path, file, position } of files) {
    const kind = await kindOf(file);
    if (kind === 'file') continue;
    const what = kind === undefined ? 'is missing' : 'is not a file';
    problems.push({ ...position, message: `${name}: what becomes ${path} ${what}: ${file}` });
  }
  return problems;
}

async function unknownPlatforms(
  { name, platforms }: LayerDefinition,
  folders: PlatformFolders,
): Promise<readonly Problem[]> {
  const known = await platformNames(folders);
  return platforms
    .filter((platform) => !known.includes(platform.name))
    .map((platform) => ({
      ...platform.position,
      message: `${name}: there is no platform ${platform.name}.${didYouMean(platform.name, known)}`,
    }));
}

/** `php`, or `php-minimal`. */
function nameOfBase({ root }: Plan): string {
  const { package: name, variant } = root.recipe;
  return variant === undefined ? name : `${name}-${variant}`;
}

/** Plans a layer again that layersmith built. Its own files are not part of it. */
export async function layerOfManifest(
  {
    recipe,
    extensions = [],
    mode = 'function',
    ini = {},
    start,
  }: Pick<Manifest, 'recipe' | 'extensions' | 'mode' | 'ini' | 'start'>,
  library: RecipeLibrary,
): Promise<PlannedLayer> {
  const chosen = extensions.map((text) => ({ ...parseRecipeName(text), position: undefined }));
  const chosenStart = start && { start, position: undefined };
  const plan = await planFor(parseRecipeName(recipe), library, chosen, chosenStart);
  return { name: nameOfBase(plan), plan, settings: { mode, ini, files: new Map() } };
}

import { RecipeError, UsageError, type Problem } from '../core/errors.js';
import { didYouMean } from '../core/nearest-names.js';
import { loadRecipe, type RecipeLibrary, type RecipeName } from './recipe-library.js';
import type { Start } from './recipe-schema.js';
import type { ExtensionSpec, Need, Position, Recipe } from './recipe.js';

/** A node of the plan's graph: one package, and the stages whose artifacts it needs at `/opt`. */
export interface PlannedStage {
  readonly recipe: Recipe;
  /** The direct needs of the recipe. */
  readonly needs: readonly PlannedStage[];
  /** Direct and indirect needs without duplicates; each stage comes after its own needs. */
  readonly closure: readonly PlannedStage[];
}

/**
 * A graph of stages: a root, usually an interpreter, and the extensions of a layer. It has one line of each package, since all
 * of it ends up in one process.
 */
export interface Plan {
  readonly root: PlannedStage;
  /** The chosen extensions and those that they need, in the order in which the interpreter loads them. */
  readonly extensions: readonly PlannedStage[];
  /** Every stage, each after its needs. The root comes after its own needs, and before its extensions. */
  readonly stages: readonly PlannedStage[];
  /** How the interpreter starts. Undefined for the default. */
  readonly start: Start | undefined;
}

/** How a user wants the interpreter to start. */
export interface ChosenStart {
  readonly start: Start;
  /** Where it was chosen. Undefined if no file says it. */
  readonly position: Position | undefined;
}

/** An extension that a user chose. */
export interface ChosenExtension extends RecipeName {
  /** Where it was chosen. Undefined on the command line. */
  readonly position: Position | undefined;
}

/** The stages that a layer consists of: those whose artifacts go into it. */
export function layerStages({ root, extensions }: Plan): readonly PlannedStage[] {
  return [root, ...extensions];
}

/**
 * Resolves the needs of a recipe and of extensions for it into a plan. A need without a line gets the line that the root names,
 * else the package's default. What the root says that every
 * layer has is added; an extension that is compiled into the root is there already, and left out.
 *
 * Throws RecipeError with all problems of all recipes and choices: invalid files, cycles, two lines of one package, unknown
 * extensions with the nearest names, those that do not support the root's version, those that cannot go together, and a way to
 * start that the root does not have. It is a UsageError if it concerns only choices on the command line.
 */
export async function planFor(
  wanted: RecipeName,
  library: RecipeLibrary,
  chosen: readonly ChosenExtension[] = [],
  chosenStart?: ChosenStart,
): Promise<Plan> {
  const problems: Problem[] = [];
  const stages = new Map<string, PlannedStage>();
  const failed = new Set<string>();

  const root = await loadRecipe(library, wanted);
  if (root.extension !== undefined) throw extensionAlone(root, root.extension);
  const pinned = new Map<string, string | undefined>([
    ...Object.entries(root.lines),
    ...root.needs.map((need) => [need.package, need.line] as const),
  ]);

  // A line that is chosen is also that of extensions which need the package.
  for (const { package: name, line } of chosen) if (line !== undefined) pinned.set(name, line);

  const visit = async (name: RecipeName, path: readonly Recipe[]): Promise<PlannedStage | undefined> => {
    // The root may be one release of its line, while the needs of extensions name the line.
    const ready = name.package === root.package ? stages.get(root.package) : undefined;
    if (ready !== undefined) return ready;
    const result = await library.load(name, name.package === root.package ? undefined : root);
    if ('problems' in result) {
      const key = `${name.package}/${name.line ?? ''}`;
      if (!failed.has(key)) problems.push(...result.problems);
      failed.add(key);
      return undefined;
    }
    const recipe = started(result.recipe);
    const known = stages.get(recipe.package);
    if (known !== undefined) return known;
    const needs: PlannedStage[] = [];
    for (const need of recipe.needs) {
      const below = [...path, recipe];
      const start = below.findIndex((other) => other.package === need.package);
      if (start >= 0) {
        const cycle = [...below.slice(start), below[start]].map((other) => other?.name ?? '');
        problems.push({ ...need.position, message: `a cycle in needs: ${cycle.join(' → ')}` });
        continue;
      }
      const line = pinned.get(need.package) ?? need.line;
      const stage = await visitNeed({ package: need.package, line }, { need, below });
      if (stage === undefined) continue;
      if (need.line !== undefined && ![stage.recipe.line, stage.recipe.version].includes(need.line)) {
        const message = `${need.package}/${need.line} is needed here, but the plan already has ${stage.recipe.name}: it can have one line of each package`;
        problems.push({ ...need.position, message });
      }
      needs.push(stage);
    }
    const closure = [...new Set(needs.flatMap(stagesOf))];
    const stage: PlannedStage = { recipe, needs, closure };
    stages.set(recipe.package, stage);
    return stage;
  };

  // Without a choice, and with the default, the key of the stage is the same.
  let start: Start | undefined;
  const started = (recipe: Recipe): Recipe => {
    const wish = chosenStart?.start;
    const [usual, ...others] = recipe.extension?.starts ?? [];
    if (wish === undefined || wish === usual || !others.includes(wish)) return recipe;
    start = wish;
    return { ...recipe, options: { ...recipe.options, START: wish } };
  };

  const visitNeed = async (
    name: RecipeName,
    at: { readonly need: Need; readonly below: readonly Recipe[] },
  ): Promise<PlannedStage | undefined> => {
    try {
      return await visit(name, at.below);
    } catch (error) {
      // An unknown recipe is a usage error on the command line, and a recipe error in `needs`.
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'usage') throw error;
      problems.push({ ...at.need.position, message: error.message });
      return undefined;
    }
  };

  const rootStage = await visit(wanted, []);
  const { parts = [], extensions: compiledIn = [], position } = root.layer ?? {};
  const extensions = new Set<PlannedStage>();
  const choices = [
    ...parts.map((name): ChosenExtension => ({ package: name, line: undefined, position })),
    ...chosen.filter((choice) => ![...parts, ...compiledIn].includes(choice.package)),
  ];
  for (const choice of rootStage === undefined ? [] : choices) {
    const problem = (message: string): number =>
      problems.push({ ...(choice.position ?? COMMAND_LINE), message });
    if (choices.find((other) => other.package === choice.package) !== choice) {
      problem(`${choice.package} is chosen twice`);
      continue;
    }
    try {
      const line = choice.line ?? pinned.get(choice.package);
      const stage = await visit({ package: choice.package, line }, []);
      if (stage === undefined) continue;
      if (stage.recipe.extension === undefined) {
        problem(`${stage.recipe.name} is not an extension, but a ${stage.recipe.kind}`);
        continue;
      }
      for (const each of stagesOf(stage)) if (each.recipe.extension !== undefined) extensions.add(each);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problem(await explain(choice, { error, root, library }));
    }
  }
  const starts = [...extensions].flatMap(({ recipe }) => recipe.extension?.starts ?? []);
  if (chosenStart !== undefined && !['hardened', ...starts].includes(chosenStart.start)) {
    const message = `${root.name} cannot be built to start \`${chosenStart.start}\``;
    problems.push({ ...(chosenStart.position ?? COMMAND_LINE), message });
  }
  problems.push(...clashes([...extensions], chosen), ...missing([...extensions], { root, chosen }));
  throwProblems(problems);
  if (rootStage === undefined) throw new RecipeError(problems);
  // Sorted, so that the same choice in another order is the same plan.
  const inOrder = [...extensions].sort(byLoadOrder);
  return {
    root: rootStage,
    extensions: inOrder,
    stages: [...new Set([...stagesOf(rootStage), ...inOrder.flatMap(stagesOf)])],
    start,
  };
}

function stagesOf(stage: PlannedStage): readonly PlannedStage[] {
  return [...stage.closure, stage];
}

/** Stands for the command line in problems, which has no files. */
const COMMAND_LINE: Position = { file: '', line: 0, column: 0 };

/** Throws all problems. Those of the command line alone are usage errors. */
function throwProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  if (problems.some(({ file }) => file !== COMMAND_LINE.file)) {
    throw new RecipeError(problems.filter(({ file }) => file !== COMMAND_LINE.file));
  }
  throw new UsageError(problems.map(({ message }) => message).join('; '), {
    hint: '`layersmith extensions` lists what can be chosen.',
  });
}

function extensionAlone({ name, package: packageName }: Recipe, { of }: ExtensionSpec): UsageError {
  return new UsageError(`${name} is an extension of ${of}: no layer is made from it alone`, {
    hint: `Choose it for a layer: \`layersmith build ${of} --with ${packageName}\`.`,
  });
}

/** Explains why an extension cannot be chosen. An unknown one is compared with the names of extensions only. */
async function explain(
  { package: name }: ChosenExtension,
  {
    error,
    root,
    library,
  }: { readonly error: UsageError; readonly root: Recipe; readonly library: RecipeLibrary },
): Promise<string> {
  const known = [...(await library.packages('extension')), ...(root.layer?.extensions ?? [])];
  if (known.includes(name)) return error.message;
  return `there is no extension ${name}.${didYouMean(name, known)}`;
}

/** Finds extensions that cannot go together, and those that would be loaded before what they need. */
function clashes(
  extensions: readonly PlannedStage[],
  chosen: readonly ChosenExtension[],
): readonly Problem[] {
  return extensions.flatMap(({ recipe: { package: name, extension }, needs }) => {
    if (extension === undefined) return [];
    const choice = chosen.find((each) => each.package === name);
    const conflicts = extensions.filter(({ recipe }) => extension.conflicts.includes(recipe.package));
    const late = needs.filter(
      ({ recipe }) => recipe.extension !== undefined && recipe.extension.order >= extension.order,
    );
    return [
      ...conflicts.map(({ recipe: other }) => ({
        ...(choice?.position ?? COMMAND_LINE),
        message: `${name} and ${other.package} cannot be in the same layer`,
      })),
      ...late.map(({ recipe: other }) => ({
        ...extension.position,
        message: `${name} would be loaded before ${other.package}, which it needs: give it a higher \`order\``,
      })),
    ];
  });
}

/** Finds extensions that call functions of others which are neither in the layer nor compiled into the interpreter. */
function missing(
  extensions: readonly PlannedStage[],
  { root, chosen }: { readonly root: Recipe; readonly chosen: readonly ChosenExtension[] },
): readonly Problem[] {
  const there = [...(root.layer?.extensions ?? []), ...extensions.map(({ recipe }) => recipe.package)];
  return extensions.flatMap(({ recipe: { package: name, extension } }) =>
    (extension?.requires ?? [])
      .filter((other) => !there.includes(other))
      .map((other) => ({
        ...(chosen.find((each) => each.package === name)?.position ?? COMMAND_LINE),
        message: `${name} requires ${other}, which ${root.name} does not have`,
      })),
  );
}

function byLoadOrder({ recipe: a }: PlannedStage, { recipe: b }: PlannedStage): number {
  const difference = (a.extension?.order ?? 0) - (b.extension?.order ?? 0);
  return difference || (a.package < b.package ? -1 : 1);
}

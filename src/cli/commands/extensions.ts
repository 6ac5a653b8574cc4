import type { Argv } from 'yargs';
import { RecipeError } from '../../core/errors.js';
import { findProject } from '../../definition/project.js';
import { layerParts } from '../../pipeline/build/layer-parts.js';
import { extensionsFor, type ExtensionsFor } from '../../recipe/extensions-for.js';
import { loadRecipe, parseRecipeName, type RecipeName } from '../../recipe/recipe-library.js';
import type { Recipe } from '../../recipe/recipe.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, recipesOption } from '../options.js';
import { costOf, readExtensionCosts, type BaseCosts, type ExtensionCost } from '../extension-costs.js';
import { openLibrary } from '../session.js';
import { size } from '../words.js';

/** Lines of the output are not longer than this, but for long summaries. */
const WIDTH = 100;

/** Creates `layersmith extensions`: lists the extensions that a layer of a recipe can have. */
export function extensionsCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('base', {
          type: 'string',
          default: 'php',
          describe: 'Recipe of an interpreter, or a layer of layersmith.yaml',
        })
        .options({ ...recipesOption, ...jsonOption })
        .example('$0 extensions', 'For the default line of PHP')
        .example('$0 extensions php/7.4', 'For another line')
        .example('$0 build php/8.4 --with redis', 'Choose one'),
    handler: async (args) => {
      const library = await openLibrary(io, args.recipes);
      const recipe = await loadRecipe(library, await baseOf(io, args.base));
      layerParts(recipe);
      const found = await extensionsFor(recipe, library);
      if (found.problems.length > 0) throw new RecipeError(found.problems);
      const costs = (await readExtensionCosts(io.packageRoot))[recipe.name];
      io.out(
        args.json ? `${JSON.stringify(asJson(recipe, found, costs))}\n` : describe(recipe, found, costs),
      );
    },
  });
}

/** The base of a layer of layersmith.yaml, or the recipe of that name. */
async function baseOf(io: Io, text: string): Promise<RecipeName> {
  const { layers } = await findProject(io.cwd);
  return layers.find(({ name }) => name === text)?.base ?? parseRecipeName(text);
}

function asJson(
  base: Recipe,
  { choosable, compiledIn, unsupported }: ExtensionsFor,
  costs: BaseCosts | undefined,
): object {
  return {
    base: base.name,
    ...(costs === undefined ? {} : { measuredWith: costs.version }),
    extensions: choosable.map((recipe) => ({
      name: recipe.package,
      recipe: recipe.name,
      version: recipe.version,
      summary: recipe.summary,
      needs: othersOf(recipe, choosable),
      conflicts: recipe.extension?.conflicts ?? [],
      cost: costs?.extensions[recipe.package],
    })),
    compiledIn,
    unsupported,
  };
}

function describe(
  base: Recipe,
  { choosable, compiledIn, unsupported }: ExtensionsFor,
  costs: BaseCosts | undefined,
): string {
  const width = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
  const names = width(choosable.map((recipe) => recipe.package));
  const versions = width(choosable.map(({ version }) => version));
  const rows = choosable.map((recipe) => {
    const others = othersOf(recipe, choosable);
    const brings = others.length === 0 ? '' : ` (brings ${others.join(', ')})`;
    const cost = costs === undefined ? '' : `${costCells(costOf(recipe, { base, costs }))}  `;
    return `${recipe.package.padEnd(names)}  ${recipe.version.padEnd(versions)}  ${cost}${recipe.summary}${brings}`;
  });
  return [
    ...(rows.length === 0 ? [`no extensions can be chosen for ${base.name}`] : rows),
    ...(costs === undefined ? [] : ['', ...costNote(base, costs)]),
    ...(compiledIn.length === 0 ? [] : ['', `compiled into ${base.name}:`, ...wrapped(compiledIn)]),
    ...(unsupported.length === 0
      ? []
      : ['', `not for ${base.name}:`, ...unsupported.map(({ reason }) => `  ${reason}`)]),
    '',
  ].join('\n');
}

/** What an extension adds to the zip, and the time of a start: `+123.4 KB  1.02 ×`. A star: another version was measured. */
function costCells(cost: ExtensionCost | undefined): string {
  if (cost === undefined) return ''.padEnd(COST_WIDTH);
  const star = cost.isOfOtherVersion ? '*' : ' ';
  return `${`+${size(cost.zipBytes)}`.padStart(9)}  ${`${cost.start.toFixed(2)} ×`.padStart(6)}${star}`;
}

const COST_WIDTH = 18;

function costNote(base: Recipe, costs: BaseCosts): readonly string[] {
  return [
    'What it adds to the zip, with all that it brings, and the CPU time of a start in times of one without',
    `extensions: measured with ${base.package} ${costs.version}. * with another version of the extension`,
  ];
}

/** The extensions that come with one because it needs them. */
function othersOf({ needs }: Recipe, extensions: readonly Recipe[]): readonly string[] {
  return needs.map((need) => need.package).filter((name) => extensions.some((each) => each.package === name));
}

/** Indented lines of words. */
function wrapped(words: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > WIDTH) lines.push(`  ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

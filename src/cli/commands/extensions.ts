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
import { openLibrary } from '../session.js';

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
      io.out(args.json ? `${JSON.stringify(asJson(recipe, found))}\n` : describe(recipe, found));
    },
  });
}

/** The base of a layer of layersmith.yaml, or the recipe of that name. */
async function baseOf(io: Io, text: string): Promise<RecipeName> {
  const { layers } = await findProject(io.cwd);
  return layers.find(({ name }) => name === text)?.base ?? parseRecipeName(text);
}

function asJson(base: Recipe, { choosable, compiledIn, unsupported }: ExtensionsFor): object {
  return {
    base: base.name,
    extensions: choosable.map((recipe) => ({
      name: recipe.package,
      recipe: recipe.name,
      version: recipe.version,
      summary: recipe.summary,
      needs: othersOf(recipe, choosable),
      conflicts: recipe.extension?.conflicts ?? [],
    })),
    compiledIn,
    unsupported,
  };
}

function describe(base: Recipe, { choosable, compiledIn, unsupported }: ExtensionsFor): string {
  const width = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
  const names = width(choosable.map((recipe) => recipe.package));
  const versions = width(choosable.map(({ version }) => version));
  const rows = choosable.map((recipe) => {
    const others = othersOf(recipe, choosable);
    const brings = others.length === 0 ? '' : ` (brings ${others.join(', ')})`;
    return `${recipe.package.padEnd(names)}  ${recipe.version.padEnd(versions)}  ${recipe.summary}${brings}`;
  });
  return [
    ...(rows.length === 0 ? [`no extensions can be chosen for ${base.name}`] : rows),
    ...(compiledIn.length === 0 ? [] : ['', `compiled into ${base.name}:`, ...wrapped(compiledIn)]),
    ...(unsupported.length === 0
      ? []
      : ['', `not for ${base.name}:`, ...unsupported.map(({ reason }) => `  ${reason}`)]),
    '',
  ].join('\n');
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

import type { Argv } from 'yargs';
import { RecipeError, type Problem } from '../../core/errors.js';
import { loadRecipe, parseRecipeName } from '../../recipe/recipe-library.js';
import type { Recipe } from '../../recipe/recipe.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, recipesOption } from '../options.js';
import { openLibrary } from '../session.js';

/** Creates `layersmith recipes`: lists the recipes, or shows one. */
export function recipesCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('recipe', { type: 'string', describe: 'PACKAGE/LINE, or PACKAGE' })
        .options({ ...recipesOption, ...jsonOption })
        .example('$0 recipes', 'All of them')
        .example('$0 recipes php/8.4', 'Version, needs and sources of one'),
    handler: async (args) => {
      const library = await openLibrary(io, args.recipes);
      if (args.recipe !== undefined) {
        const recipe = await loadRecipe(library, parseRecipeName(args.recipe));
        const variants = recipe.variant === undefined ? await library.variantsOf(recipe.package) : [];
        const names = variants.map((variant) => `${recipe.name}-${variant}`);
        io.out(args.json ? `${JSON.stringify(shown(recipe, names))}\n` : describe(recipe, names));
        return;
      }
      const problems: Problem[] = [];
      const recipes: Recipe[] = [];
      for (const name of library.names()) {
        const result = await library.load(parseRecipeName(name));
        if ('problems' in result) problems.push(...result.problems);
        else recipes.push(result.recipe);
      }
      if (problems.length > 0) throw new RecipeError(problems);
      if (args.json) {
        io.out(`${JSON.stringify({ recipes: recipes.map((recipe) => shown(recipe)) })}\n`);
        return;
      }
      const width = Math.max(...recipes.map(({ name }) => name.length));
      for (const { name, version, kind, endOfLife } of recipes) {
        const supported = endOfLife === undefined ? '' : `  until ${endOfLife}`;
        io.out(`${name.padEnd(width)}  ${version.padEnd(10)} ${kind}${supported}\n`);
      }
    },
  });
}

/** Returns the recipe as data, without the paths of its files on this machine. */
function shown(recipe: Recipe, variants: readonly string[] = []): object {
  const { name, version, kind, summary, homepage, license, endOfLife, options, sources } = recipe;
  const { patches } = recipe;
  const bundles = recipe.bundles.map((bundle) => ({ name: bundle.name, version: bundle.version }));
  const needs = recipe.needs.map((need) =>
    need.line === undefined ? need.package : `${need.package}/${need.line}`,
  );
  const releases = recipe.releases.map((release) => ({
    version: release.version,
    security: release.security,
  }));
  return {
    name,
    version,
    releases,
    kind,
    summary,
    homepage,
    license,
    endOfLife,
    needs,
    options,
    sources,
    patches,
    bundles,
    ...(variants.length === 0 ? {} : { variants }),
  };
}

function describe(recipe: Recipe, variants: readonly string[]): string {
  const needs = recipe.needs.map((need) =>
    need.line === undefined ? need.package : `${need.package}/${need.line}`,
  );
  const lines = [
    `${recipe.name}  ${recipe.version}  (${recipe.kind})`,
    recipe.summary,
    ...(recipe.releases.length < 2
      ? []
      : recipe.releases.map(
          ({ version, security }) =>
            `release   ${version}${security.length === 0 ? '' : `  fixes ${security.join(', ')}`}`,
        )),
    ...variants.map((name) => `variant   ${name}`),
    ...(recipe.homepage === undefined ? [] : [`homepage  ${recipe.homepage}`]),
    `license   ${recipe.license}`,
    ...(recipe.endOfLife === undefined ? [] : [`support   until ${recipe.endOfLife}`]),
    `needs     ${needs.join(' ') || 'nothing'}`,
    ...Object.entries(recipe.options).map(([name, value]) => `option    ${name}=${value}`),
    ...recipe.sources.flatMap(({ name, alternatives }) =>
      alternatives.flatMap(({ name: file, sha256, urls }) => [
        `source    ${name}: ${file}`,
        `          sha256 ${sha256}`,
        ...urls.map((url) => `          ${url}`),
      ]),
    ),
    ...recipe.patches.map(
      ({ source, path, resolves }) =>
        `patch     ${source}: ${path}${resolves.length === 0 ? '' : `  fixes ${resolves.join(', ')}`}`,
    ),
    ...recipe.bundles.map((bundle) => `bundles   ${bundle.name} ${bundle.version ?? '(unknown version)'}`),
    `file      ${recipe.path}`,
  ];
  return `${lines.join('\n')}\n`;
}

import { sha256 } from '../../src/core/digest.js';
import { openRecipeLibrary, parseRecipeName, type RecipeLibrary } from '../../src/recipe/recipe-library.js';
import { planFor, type Plan } from '../../src/recipe/plan.js';
import type { Recipe } from '../../src/recipe/recipe.js';
import { PACKAGE_ROOT } from './fake-io.js';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.js';

export const BUILT_IN_RECIPES = `${PACKAGE_ROOT}/recipes`;

/** The sha256 that made-up sources are pinned by. */
export const SOME_SHA256 = '0123456789abcdef'.repeat(4);

/** A line's file of a made-up package. */
export function lineYaml(version: string, needs: readonly string[] = []): string {
  return `version: '${version}'
needs: [${needs.join(', ')}]
sources:
  main:
    - file: main-${version}.tar.gz
      sha256: '${SOME_SHA256}'
      urls: [https://layersmith.invalid/main-${version}.tar.gz]
`;
}

/** A release of a made-up package; its source's sha256 is that of its version. */
export interface MadeUpRelease {
  readonly version: string;
  readonly security?: readonly string[];
  readonly urls?: readonly string[];
}

/** A line's file with several releases. */
export function releasesYaml(releases: readonly MadeUpRelease[], needs: readonly string[] = []): string {
  const listed = releases.map(
    ({ version, security = [], urls = [] }) => `  - version: '${version}'
    security: [${security.join(', ')}]
    sources: { main: [{ file: main-${version}.tar.gz, sha256: '${sha256(version)}', urls: [${urls.join(', ')}] }] }
`,
  );
  return `needs: [${needs.join(', ')}]\nreleases:\n${listed.join('')}`;
}

/** The package's file of a made-up library. */
export function packageYaml(line: string): string {
  return `kind: library
summary: something made up
homepage: https://layersmith.invalid/
license: MIT
default: '${line}'
`;
}

/** The package's file of a made-up extension of `php`, with lines of the `extension` key. */
export function extensionYaml(lines: readonly string[] = []): string {
  return `kind: extension
summary: something made up
license: MIT
extension:
${['of: php', ...lines].map((line) => `  ${line}\n`).join('')}smoke:
  programs: [{ name: used, run: [/opt/bin/php, -v] }]
`;
}

/** The package's file of a made-up interpreter named `php`, with what is compiled into it. */
export function interpreterYaml(line: string, extensions: readonly string[] = []): string {
  return `kind: interpreter
summary: something made up
license: MIT
default: '${line}'
layer: { interpreter: php, files: [bin/php], extensions: [${extensions.join(', ')}] }
smoke: { programs: [{ name: version, run: [/opt/bin/php, -v] }] }
`;
}

/** Recipes by name, with what each needs: `{ 'php/8.4': ['zlib'], 'zlib/1.3': [] }`. The first line is the default. */
export type Recipes = Readonly<Record<string, readonly string[]>>;

/** The files of made-up recipes, `stage.sh` included, by their path in a recipe folder. */
export function recipeFiles(recipes: Recipes): Record<string, string> {
  const files: Record<string, string> = { 'stage.sh': '#!/bin/bash\n' };
  for (const [name, needs] of Object.entries(recipes)) {
    const { package: packageName, line = '' } = parseRecipeName(name);
    files[`${packageName}/package.yaml`] ??= packageYaml(line);
    files[`${packageName}/build.sh`] = 'make install\n';
    files[`${name}.yaml`] = lineYaml(`${line}.0`, needs);
  }
  return files;
}

/** A folder with the recipes, and further files that come over them. */
export async function recipeFolder(
  recipes: Recipes,
  files: Readonly<Record<string, string>> = {},
): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  await folder.write({ ...recipeFiles(recipes), ...files });
  return folder;
}

/** The recipe of that name; throws for one with problems. */
export async function loadRecipe(library: RecipeLibrary, name: string): Promise<Recipe> {
  const result = await library.load(parseRecipeName(name));
  if ('problems' in result) throw new Error(`${name}: ${JSON.stringify(result.problems)}`);
  return result.recipe;
}

/** The plan of a recipe in a folder. */
export async function planIn(
  folder: string,
  name: string,
  extensions: readonly string[] = [],
): Promise<Plan> {
  return planFor(
    parseRecipeName(name),
    await openRecipeLibrary([folder]),
    extensions.map((extension) => ({ ...parseRecipeName(extension), position: undefined })),
  );
}

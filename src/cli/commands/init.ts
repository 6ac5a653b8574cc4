import { lstat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import type { Argv } from 'yargs';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { InternalError, UsageError } from '../../core/errors.js';
import { kindOf } from '../../core/file-system.js';
import { readComposerProject, type ComposerProject } from '../../definition/composer-project.js';
import {
  firstLayer,
  fittingLines,
  writeFirstDefinition,
  type FirstLayer,
} from '../../definition/first-definition.js';
import { DEFINITION_FILE } from '../../definition/project.js';
import { planFor } from '../../recipe/plan.js';
import { loadRecipe, parseRecipeName, type RecipeLibrary } from '../../recipe/recipe-library.js';
import type { Recipe } from '../../recipe/recipe.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, recipesOption } from '../options.js';
import { openLibrary, warnTo } from '../session.js';

/** The package that the layers of Composer projects are made from. */
const INTERPRETER = 'php';

/** Creates `layersmith init`: writes a first layersmith.yaml, from what a Composer project asks for. */
export function initCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('folder', {
          type: 'string',
          default: '.',
          describe: 'Folder of the project, with its composer.json and composer.lock if it has them',
        })
        .options({ ...recipesOption, ...jsonOption })
        .example('$0 init', 'Then edit layersmith.yaml, and `layersmith build`'),
    handler: async (args) => {
      const folder = resolve(io.cwd, args.folder);
      const path = await newFile(folder, args.folder);
      const recipes = args.recipes.map((each) => resolve(io.cwd, each));
      const library = await openLibrary({ ...io, cwd: folder }, recipes);
      const project = await readComposerProject(folder);
      const layer = await layerFor(project ?? nothing(folder), library);
      const schema = relative(folder, join(io.packageRoot, 'schemas', 'layersmith.json'));
      const text = writeFirstDefinition(layer, { schema: schema.replaceAll(sep, '/') });
      await writeFileAtomically(path, text);
      report(layer, warnTo(io));
      if (project === undefined)
        io.err('no composer.json or composer.lock: the layer has no extensions yet\n');
      io.err(`wrote the layer ${layer.name} of ${layer.base}: edit it, then run \`layersmith build\`\n`);
      io.out(args.json ? `${JSON.stringify({ path, ...layer })}\n` : `${path}\n`);
    },
  });
}

/** Returns the path of the file to write. Throws UsageError if it exists, or its folder does not. */
async function newFile(folder: string, asked: string): Promise<string> {
  if ((await kindOf(folder)) !== 'folder') {
    throw new UsageError(`${asked} is not a folder`, { hint: 'Name the folder of the project.' });
  }
  const path = join(folder, DEFINITION_FILE);
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return path;
  throw new UsageError(`${path} exists already`, {
    hint: 'Edit it, or move it away first: it is not overwritten.',
  });
}

function nothing(folder: string): ComposerProject {
  return { name: basename(folder), php: [], extensions: new Map(), replaced: new Set() };
}

async function layerFor(project: ComposerProject, library: RecipeLibrary): Promise<FirstLayer> {
  const lines: Recipe[] = [];
  for (const name of library.names().filter((each) => each.startsWith(`${INTERPRETER}/`)))
    lines.push(await loadRecipe(library, parseRecipeName(name)));
  const fitting = project.php.length === 0 ? [] : fittingLines(project, lines);
  const known = await library.packages('extension');
  const layers: FirstLayer[] = [];
  for (const base of fitting.length === 0
    ? [await loadRecipe(library, parseRecipeName(INTERPRETER))]
    : fitting) {
    layers.push(await firstLayer(project, { base, known, whyNot: whyNot(base, library) }));
  }
  // The newest line that has most of what is asked for: extensions take months to support a new one.
  const least = Math.min(...layers.map(({ unavailable }) => unavailable.length));
  const best = layers.find(({ unavailable }) => unavailable.length === least);
  if (best === undefined) throw new InternalError('no line of the interpreter was considered');
  return best;
}

function whyNot(base: Recipe, library: RecipeLibrary): (extension: string) => Promise<string | undefined> {
  return async (extension) => {
    const choice = { package: extension, line: undefined, position: undefined };
    try {
      await planFor(parseRecipeName(base.name), library, [choice]);
      return undefined;
    } catch (error) {
      if (error instanceof UsageError) return error.message;
      throw error;
    }
  };
}

/** Warns about what the layer cannot give the project. */
function report({ base, unavailable, unsatisfied }: FirstLayer, warn: (message: string) => void): void {
  for (const text of unsatisfied) warn(`${plain(text)}; the layer has ${base}`);
  for (const { name, by, reason } of unavailable)
    warn(plain(`the extension ${name}, for ${by.slice(0, 3).join(', ')}, is not available: ${reason}`));
}

/** Without control characters, which names in the project's files could have. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

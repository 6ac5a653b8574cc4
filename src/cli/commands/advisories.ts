import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { applyAdvisories, type AdvisoryReport, type Undecided } from '../../advisories/apply-advisories.js';
import type { AdvisedPackage } from '../../advisories/advisory.js';
import { EXIT_CODES, UsageError } from '../../core/errors.js';
import { kindOfCode } from '../../tree/code-tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import { planFor, type Plan } from '../../recipe/plan.js';
import { parseRecipeName } from '../../recipe/recipe-library.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, recipesOption, sourceOptions, storeOption } from '../options.js';
import { openReleases, type ReleaseArgs } from '../release-session.js';
import { reporterFor } from '../session.js';

/** Creates `layersmith advisories`: reports which known vulnerabilities apply to a recipe or a layer. */
export function advisoriesCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('target', {
          type: 'string',
          demandOption: true,
          describe: 'Recipe, or a layer that layersmith built: zip or folder',
        })
        .options({
          from: {
            type: 'string',
            requiresArg: true,
            demandOption: true,
            describe: 'Folder of OSV or CVE JSON files, searched recursively; or one file',
          },
          ignore: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: 'Id or alias of an advisory to ignore; repeatable',
          },
          strict: {
            type: 'boolean',
            default: false,
            describe: 'Also fail for undecided advisories',
          },
          ...sourceOptions,
          ...recipesOption,
          ...storeOption,
          ...jsonOption,
        })
        .example('$0 advisories php/8.4 --from osv/', 'Before building')
        .example(
          '$0 advisories dist/php-8.4.24-provided.al2023-x86_64.zip --from cves/',
          'Check the layer in production',
        ),
    handler: async (args) => {
      const packages = await packagesOf(io, args);
      const report = await applyAdvisories(resolve(io.cwd, args.from), { packages, ignore: args.ignore });
      for (const id of report.ignoredInVain) {
        io.err(`layersmith: warning: --ignore ${id} matches none of the advisories found; remove it\n`);
      }
      if (report.read === 0) {
        throw new UsageError(`no advisory found in ${args.from}`, {
          hint: 'Pass a folder of OSV or CVE JSON files to --from.',
        });
      }
      io.out(args.json ? `${JSON.stringify({ packages, ...report })}\n` : describe(report));
      const fails = report.applies.length > 0 || (args.strict && report.undecided.length > 0);
      if (fails) outcome.exitCode = EXIT_CODES.advisory;
    },
  });
}

async function packagesOf(
  io: Io,
  { target, ...args }: ReleaseArgs & { readonly target: string },
): Promise<readonly AdvisedPackage[]> {
  const path = resolve(io.cwd, target);
  const isLayer =
    target.endsWith('.zip') ||
    (await stat(path).then(
      () => true,
      () => false,
    ));
  if (!isLayer) {
    const { stages } = await planOf(io, args, target);
    return stages.map(({ recipe }) => ({
      recipe: recipe.name,
      name: recipe.package,
      version: recipe.version,
      cpe: recipe.cpe,
    }));
  }
  await kindOfCode(path, 'layer');
  const manifest = await findManifest(path);
  if (manifest === undefined) {
    throw new UsageError(`${target} contains no manifest, so its contents are unknown`, {
      hint: 'Name a layer that layersmith built, or a recipe.',
    });
  }
  return manifest.stages.map((stage) => ({
    recipe: stage.recipe,
    name: stage.package,
    version: stage.version,
    cpe: stage.cpe,
  }));
}

async function planOf(io: Io, args: ReleaseArgs, recipe: string): Promise<Plan> {
  const reporter = reporterFor(io);
  try {
    return await planFor(parseRecipeName(recipe), await openReleases(io, args, { reporter }));
  } finally {
    reporter.close();
  }
}

function describe({ read, others, applies, undecided }: AdvisoryReport): string {
  const line = ({ id, package: name, version, severity, fixedIn, summary, why, file }: Undecided): string => {
    if (name === undefined || version === undefined) return `${id}  (${why})\n    ${file}`;
    return `${id}  ${name} ${version}${severity === undefined ? '' : `  ${severity}`}  ${fixedIn === undefined ? 'no fixed version known' : `fixed in ${fixedIn}`}  (${why})\n    ${summary}`;
  };
  return `${[
    ...applies.map((each) => `applies    ${line(each)}`),
    ...undecided.map((each) => `undecided  ${line(each)}`),
    `${read} advisories read: ${applies.length} apply, ${undecided.length} cannot be decided`,
    ...(others.length === 0
      ? []
      : [`${others.length} JSON files are not advisories: ${others.slice(0, 3).join(', ')}`]),
  ].join('\n')}\n`;
}

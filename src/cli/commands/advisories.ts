import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { applyAdvisories, type AdvisoryReport, type Undecided } from '../../advisories/apply-advisories.js';
import type { AdvisedPackage } from '../../advisories/advisory.js';
import { EXIT_CODES, InternalError, UsageError } from '../../core/errors.js';
import { kindOf } from '../../core/file-system.js';
import { kindOfCode } from '../../tree/code-tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import type { Plan } from '../../recipe/plan.js';
import { findProject } from '../../definition/project.js';
import { advisedPackages, packagesOfPlan } from '../advised-packages.js';
import { advisoriesFolder } from '../layer-advisories.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import { parseRecipeName } from '../../recipe/recipe-library.js';
import type { Io } from '../io.js';
import { plannedLayers } from '../planned-layers.js';
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
            describe:
              'Folder of OSV or CVE JSON files, searched recursively, or one file; default: `advisories` in layersmith.yaml',
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
      const from = await fromOf(io, args.from);
      const packages = await packagesOf(io, args);
      const report = await applyAdvisories(from, { packages, ignore: args.ignore });
      for (const id of report.ignoredInVain) {
        io.err(`layersmith: warning: --ignore ${id} matches none of the advisories found; remove it\n`);
      }
      if (report.read === 0) {
        throw new UsageError(`no advisory found in ${args.from ?? from}`, {
          hint: 'Pass a folder of OSV or CVE JSON files to --from.',
        });
      }
      io.out(args.json ? `${JSON.stringify({ packages, ...report })}\n` : describe(report));
      const fails = report.applies.length > 0 || (args.strict && report.undecided.length > 0);
      if (fails) outcome.exitCode = EXIT_CODES.advisory;
    },
  });
}

/** Returns the path of the advisories: `--from`, or the project's folder. */
async function fromOf(io: Io, asked: string | undefined): Promise<string> {
  const from =
    asked === undefined ? await advisoriesFolder(await findProject(io.cwd)) : resolve(io.cwd, asked);
  if (from !== undefined) return from;
  throw new UsageError('no folder of advisories is named', {
    hint: 'Pass --from FOLDER, or set `advisories` in layersmith.yaml.',
  });
}

async function packagesOf(
  io: Io,
  { target, ...args }: ReleaseArgs & { readonly target: string },
): Promise<readonly AdvisedPackage[]> {
  const path = resolve(io.cwd, target);
  const isLayer = target.endsWith('.zip') || (await kindOf(path)) !== undefined;
  if (!isLayer) {
    return packagesOfPlan(await planOf(io, args, target));
  }
  await kindOfCode(path, 'layer');
  const manifest = await findManifest(path);
  if (manifest === undefined) {
    throw new UsageError(`${target} contains no manifest, so its contents are unknown`, {
      hint: 'Name a layer that layersmith built, or a recipe.',
    });
  }
  return advisedPackages(manifest.stages);
}

async function planOf(io: Io, args: ReleaseArgs, name: string): Promise<Plan> {
  const reporter = reporterFor(io);
  try {
    const library = await openReleases(io, args, { reporter });
    const wanted = { names: [name], with: [], platform: undefined, arch: undefined };
    const [first] = await plannedLayers(io, wanted, library);
    if (first === undefined) throw new InternalError(`no layer is planned for ${name}`);
    return first.layer.plan;
  } finally {
    reporter.close();
  }
}

function describe({ read, others, applies, patched, undecided }: AdvisoryReport): string {
  const line = (found: Undecided): string => {
    const { id, recipe, package: name, version, severity, fixedIn, summary, why, file } = found;
    if (recipe === undefined || name === undefined) return `${id}  (${why})\n    ${file}`;
    const where = parseRecipeName(recipe).package === name ? '' : ` in ${recipe}`;
    return `${id}  ${name} ${version ?? '(unknown version)'}${where}${severity === undefined ? '' : `  ${severity}`}  ${fixedIn === undefined ? 'no fixed version known' : `fixed in ${fixedIn}`}  (${why})\n    ${summary}`;
  };
  return `${[
    ...applies.map((each) => `applies    ${line(each)}`),
    ...undecided.map((each) => `undecided  ${line(each)}`),
    ...patched.map((each) => `patched    ${line(each)}\n    closed by ${each.patches.join(', ')}`),
    `${read} advisories read: ${applies.length} apply, ${undecided.length} cannot be decided${patched.length === 0 ? '' : `, ${patched.length} ${patched.length === 1 ? 'is' : 'are'} closed by patches`}`,
    ...(others.length === 0
      ? []
      : [`${others.length} JSON files are not advisories: ${others.slice(0, 3).join(', ')}`]),
  ].join('\n')}\n`;
}

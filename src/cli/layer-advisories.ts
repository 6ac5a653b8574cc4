import { applyAdvisories, type AdvisoryReport } from '../advisories/apply-advisories.js';
import type { AdvisedPackage } from '../advisories/advisory.js';
import { LayersmithError, RecipeError } from '../core/errors.js';
import { kindOf } from '../core/file-system.js';
import { DEFINITION_FILE, type Project } from '../definition/project.js';
import type { Plan } from '../recipe/plan.js';
import { packagesOfPlan } from './advised-packages.js';

/** What the project's advisories say about a layer. */
export interface LayerAdvisories {
  /** How many advisories were read. */
  readonly read: number;
  /** The ids of those that apply, each once. */
  readonly applies: readonly string[];
  /** The ids of those that cannot be decided, each once. */
  readonly undecided: readonly string[];
}

/** Compares layers with the project's folder of advisories. */
export interface AdvisoryCheck {
  /** Returns what the advisories say about a layer. Undefined if they cannot be read; a warning then says why. */
  about(plan: Plan): Promise<LayerAdvisories | undefined>;
}

/** Returns the folder of advisories that layersmith.yaml names, if any. Throws RecipeError if it is missing. */
export async function advisoriesFolder({ advisories }: Project): Promise<string | undefined> {
  if (advisories === undefined) return undefined;
  const { folder, position } = advisories;
  const kind = await kindOf(folder);
  if (kind === 'folder') return folder;
  const message = `\`advisories\`: ${folder} ${kind === undefined ? 'is missing' : 'is not a folder'}`;
  throw new RecipeError([{ ...position, message }], {
    what: DEFINITION_FILE,
    hint: 'Name a folder of OSV or CVE JSON files, or remove the key.',
  });
}

/** Opens a folder of advisories for some layers. It is read once, when the first of them is asked for. */
export function openAdvisories(
  folder: string,
  { plans, warn }: { readonly plans: readonly Plan[]; readonly warn: (line: string) => void },
): AdvisoryCheck {
  const read = async (): Promise<AdvisoryReport | undefined> => {
    const packages = new Map(plans.flatMap(packagesOfPlan).map((pkg) => [keyOf(pkg), pkg]));
    try {
      const report = await applyAdvisories(folder, { packages: [...packages.values()], ignore: [] });
      if (report.read > 0) return report;
      warn(`no advisory found in ${folder}, which \`advisories\` in ${DEFINITION_FILE} names`);
    } catch (error) {
      // A layer that is built and tested is not lost because of a damaged advisory.
      if (!(error instanceof LayersmithError)) throw error;
      const [first] = error.details['files'] ?? [];
      warn(`no advisories were compared: ${error.message}${first === undefined ? '' : ` (${first})`}`);
    }
    return undefined;
  };
  let reading: ReturnType<typeof read> | undefined;
  return {
    async about(plan) {
      const report = await (reading ??= read());
      if (report === undefined) return undefined;
      const own = new Set(packagesOfPlan(plan).map(keyOf));
      const idsOf = (found: AdvisoryReport['undecided']): readonly string[] => [
        ...new Set(
          found
            .filter(
              ({ recipe, package: name, version }) =>
                recipe === undefined || name === undefined || own.has(keyOf({ recipe, name, version })),
            )
            .map(({ id }) => id),
        ),
      ];
      const applies = idsOf(report.applies);
      return {
        read: report.read,
        applies,
        undecided: idsOf(report.undecided).filter((id) => !applies.includes(id)),
      };
    },
  };
}

function keyOf({ recipe, name, version }: AdvisedPackage): string {
  return [recipe, name, version].join(' ');
}

/** A line names this many advisories. */
const NAMED = 5;

/** Describes in one line which advisories apply to a layer. `target` is what `layersmith advisories` calls it. */
export function describeAdvisories(
  { read, applies, undecided }: LayerAdvisories,
  { name, target }: { readonly name: string; readonly target: string },
): string {
  const more = applies.length > NAMED ? `, and ${applies.length - NAMED} more` : '';
  const ids = applies.length === 0 ? '' : ` (${applies.slice(0, NAMED).join(', ')}${more})`;
  const open = undecided.length === 0 ? '' : `, ${undecided.length} cannot be decided`;
  const tellsMore =
    applies.length + undecided.length === 0 ? '' : `; \`layersmith advisories ${target}\` tells more`;
  return `advisories: ${applies.length === 0 ? 'none' : applies.length} of ${read} apply to ${name}${ids}${open}${tellsMore}`;
}

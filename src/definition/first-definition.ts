import { stringify } from 'yaml';
import { didYouMean } from '../core/nearest-names.js';
import { compareVersions, parseVersion } from '../core/version-order.js';
import type { Recipe } from '../recipe/recipe.js';
import { satisfiesConstraint } from './composer-constraint.js';
import type { ComposerProject } from './composer-project.js';
import { layerName } from './layer-definition.js';

/** A layer for a Composer project. */
export interface FirstLayer {
  readonly name: string;
  /** `php/8.4`. */
  readonly base: string;
  readonly extensions: readonly RequiredExtension[];
  /** Extensions that the project asks for, and that the interpreter has anyway. */
  readonly compiledIn: readonly string[];
  /** Extensions that the project asks for, and that no recipe can give it. */
  readonly unavailable: readonly (RequiredExtension & { readonly reason: string })[];
  /** What the version of PHP does not satisfy. */
  readonly unsatisfied: readonly string[];
}

/** An extension, and who asks for it. */
export interface RequiredExtension {
  readonly name: string;
  readonly by: readonly string[];
}

/** Returns the lines of the interpreter that satisfy all constraints, newest first. */
export function fittingLines(
  { php }: Pick<ComposerProject, 'php'>,
  lines: readonly Recipe[],
): readonly Recipe[] {
  return lines
    .filter(({ version }) =>
      php.every(({ constraint }) => satisfiesConstraint(version, constraint) !== false),
    )
    .sort((a, b) => (isNewer(a, b) ? -1 : 1));
}

/** Describes the constraints that a version does not satisfy: `acme/shop needs PHP ^9.0`. */
export function unsatisfiedBy(version: string, { php }: Pick<ComposerProject, 'php'>): readonly string[] {
  return php.flatMap(({ constraint, by }) => {
    const isSatisfied = satisfiesConstraint(version, constraint);
    if (isSatisfied === true) return [];
    const what = isSatisfied === undefined ? 'has a constraint on PHP that is not understood:' : 'needs PHP';
    return [`${by} ${what} ${constraint}`];
  });
}

/**
 * Chooses the extensions of a layer. `whyNot` says why an extension cannot be chosen for the base; undefined if it can. It is not
 * asked for unknown extensions.
 */
export async function firstLayer(
  project: ComposerProject,
  {
    base,
    known,
    whyNot,
  }: {
    readonly base: Recipe;
    readonly known: readonly string[];
    readonly whyNot: (extension: string) => Promise<string | undefined>;
  },
): Promise<FirstLayer> {
  const compiled = base.layer?.extensions ?? [];
  const extensions: RequiredExtension[] = [];
  const unavailable: (RequiredExtension & { readonly reason: string })[] = [];
  for (const [name, by] of project.extensions) {
    if (compiled.includes(name)) continue;
    const reason = known.includes(name)
      ? await whyNot(name)
      : `there is no recipe of it.${didYouMean(name, [...known, ...compiled])}`;
    if (reason === undefined) extensions.push({ name, by });
    else if (!project.replaced.has(name)) unavailable.push({ name, by, reason });
  }
  return {
    name: nameFor(project.name),
    base: base.name,
    extensions,
    compiledIn: [...project.extensions.keys()].filter((name) => compiled.includes(name)),
    unavailable,
    unsatisfied: unsatisfiedBy(base.version, project),
  };
}

/** Writes a layersmith.yaml with comments. `schema` is the path of the JSON schema, which editors read. */
export function writeFirstDefinition(
  { name, base, extensions, compiledIn, unavailable, unsatisfied }: FirstLayer,
  { schema }: { readonly schema: string },
): string {
  return [
    `# yaml-language-server: $schema=${comment(schema)}`,
    '# The layers of this project. `layersmith build` builds all of them, `layersmith build NAME` one.',
    'layers:',
    `  ${stringify(name).trim()}:`,
    ...unsatisfied.map((text) => `    # ${comment(text)}`),
    `    base: ${base}`,
    `    # \`layersmith extensions ${base}\` lists what can be chosen.`,
    ...(extensions.length === 0
      ? ['    extensions: []']
      : [
          '    extensions:',
          ...extensions.map((each) => `      - ${stringify(each.name).trim()} # ${comment(askedBy(each))}`),
        ]),
    ...(compiledIn.length === 0
      ? []
      : [`    # Asked for, and compiled in: ${comment(compiledIn.join(', '))}.`]),
    ...unavailable.map(
      (each) => `    # Not available: ${comment(`${each.name} (${askedBy(each)}): ${each.reason}`)}`,
    ),
    '    # The defaults. A layer is built for each platform and architecture.',
    '    platforms: [provided.al2023]',
    '    architectures: [x86_64]',
    '    # How functions on the layer run: function, web, worker or console.',
    '    # mode: web',
    '    # Settings of php.ini, for all functions on the layer:',
    '    # ini:',
    '    #   memory_limit: 512M',
    '    # Files to add: the path below /opt, and the path beside this file.',
    '    # files:',
    '    #   etc/app/ca.pem: certs/ca.pem',
    '',
  ].join('\n');
}

/** At most two names: a large project has dozens of packages that need the same extension. */
function askedBy({ by }: RequiredExtension): string {
  const more = by.length - 2;
  return `${by.slice(0, 2).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** On one line, whatever is in it: names and constraints come from the project's files. */
function comment(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}

/** The name of a layer that is most like that of the project. */
function nameFor(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+/, '')
    .replace(/[-_]+$/, '');
  return layerName.safeParse(name).success ? name : 'app';
}

function isNewer(a: Recipe, b: Recipe): boolean {
  const [one, other] = [parseVersion(a.version, ''), parseVersion(b.version, '')];
  return one !== undefined && other !== undefined && compareVersions(one, other) > 0;
}

import { satisfies, validRange } from 'semver';

/**
 * Reports whether a version satisfies a constraint of Composer: `^8.1 || ~7.4.3`, `>=8.0 <8.5`, `8.2.*`, `!=8.1.4`. Undefined for
 * a text that is not a constraint (https://getcomposer.org/doc/articles/versions.md).
 */
export function satisfiesConstraint(version: string, constraint: string): boolean | undefined {
  const alternatives = constraint.split(/\|\|?/).map((text) => rulesOf(text.trim()));
  const known = alternatives.flatMap((rules) => (rules === undefined ? [] : [rules]));
  const isSatisfied = known.some((rules) =>
    rules.every(({ range, isExcluded }) => satisfies(version, range) !== isExcluded),
  );
  return isSatisfied || known.length === alternatives.length ? isSatisfied : undefined;
}

/** A range of npm's, all of whose versions are included or excluded. */
interface Rule {
  readonly range: string;
  readonly isExcluded: boolean;
}

/** Converts what must hold together. Undefined if a part of it is no constraint. */
function rulesOf(text: string): readonly Rule[] | undefined {
  const [, from, to] = /^(\S+)\s+-\s+(\S+)$/.exec(text) ?? [];
  const parts =
    from !== undefined && to !== undefined
      ? [`>=${numbersOf(from)} ${upTo(to)}`]
      : text
          .replace(/([<>=!~^])\s+/g, '$1')
          .split(/[\s,]+/)
          .filter((part) => part !== '')
          .map(ruleOf);
  const rules = parts.map((part) => ({
    range: part.replace(/^!/, ''),
    isExcluded: part.startsWith('!'),
  }));
  return rules.length > 0 && rules.every(({ range }) => validRange(range) !== null) ? rules : undefined;
}

/** Converts one comparison into a range of npm's, with `!` before a range that is excluded. */
function ruleOf(text: string): string {
  const [, operator = '', version = ''] = /^(\^|~|>=|<=|!=|<>|==|=|>|<)?(.*)$/.exec(text) ?? [];
  const given = numbersOf(version);
  if (/^(\d+\.)*[*x]$/i.test(given) && operator === '') return given;
  const parts = given.split('.');
  const whole = [...parts, '0', '0'].slice(0, 3).join('.');
  switch (operator) {
    // Of npm's, `~8.1` ends before 8.2. Of Composer's, it ends before 9.
    case '~':
      return `>=${whole} <${parts.length < 3 ? `${next(parts[0])}.0.0` : `${parts[0] ?? ''}.${next(parts[1])}.0`}`;
    case '!=':
    case '<>':
      return `!=${whole}`;
    case '==':
    case '':
      return `=${whole}`;
    default:
      return `${operator}${whole}`;
  }
}

/** The end of a range with a hyphen includes all versions that begin with it. */
function upTo(version: string): string {
  const parts = numbersOf(version).split('.');
  if (parts.length > 2) return `<=${parts.join('.')}`;
  const [major, minor] = parts;
  return minor === undefined ? `<${next(major)}.0.0` : `<${major ?? ''}.${next(minor)}.0`;
}

function next(number: string | undefined): number {
  return Number(number) + 1;
}

/** Leaves out what does not matter for the versions of PHP: a `v`, the stability, and a fourth number. */
function numbersOf(version: string): string {
  return version
    .replace(/@\w+$/, '')
    .replace(/^v/i, '')
    .replace(/[-.](dev|alpha|beta|rc|patch|pl|p|a|b)[-.]?\d*$/i, '')
    .replace(/^(\d+\.\d+\.\d+)\.(\d+|[*x])$/i, '$1');
}

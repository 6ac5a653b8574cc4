import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Problem } from '../../../src/core/errors.js';
import { parseYaml } from '../../../src/core/yaml-file.js';
import { lineSchema } from '../../../src/recipe/recipe-schema.js';

const schema = z.strictObject({
  name: z.string(),
  count: z.int().optional(),
  inner: z.strictObject({ left: z.string(), right: z.string() }).optional(),
  list: z.array(z.strictObject({ colour: z.string() })).default([]),
  table: z
    .record(z.string().regex(/^[A-Z]+$/, 'a key is in capitals'), z.strictObject({ size: z.string() }))
    .default({}),
});

function problems(text: string, of: z.ZodType = schema): readonly Problem[] {
  const parsed = parseYaml(text, { file: 'x.yaml', schema: of });
  return parsed.ok ? [] : parsed.problems;
}

/** Problems as a person sees them. */
function seen(text: string, of: z.ZodType = schema): readonly string[] {
  return problems(text, of).map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test('a file without mistakes gives its value, defaults filled in', () => {
  const parsed = parseYaml('name: a\ncount: 2\n', { file: 'x.yaml', schema });
  expect(parsed).toMatchObject({ ok: true, value: { name: 'a', count: 2, list: [], table: {} } });
});

test('a value can be located by its path, what is not there by what it would be in', () => {
  const parsed = parseYaml('name: a\ninner:\n  left: x\n  right: y\n', { file: 'x.yaml', schema });
  if (!parsed.ok) throw new Error('it did not parse');
  expect(parsed.locate(['inner', 'right'])).toEqual({ line: 4, column: 10 });
  expect(parsed.locate(['inner', 'middle'])).toEqual({ line: 3, column: 3 });
});

test('every problem is found at once, in the order of the file, with line and column', () => {
  const text = 'name: 8\ncount: many\ninner:\n  left: x\n  rihgt: y\nlist:\n  - colour: [red]\n';
  expect(seen(text)).toEqual([
    '1:7 `name`: Invalid input: expected string, received number',
    '2:8 `count`: Invalid input: expected number, received string',
    '4:3 `inner.right` is missing: string expected',
    '5:3 unknown key `rihgt` in `inner`. Did you mean right?',
    '7:13 `list.0.colour`: Invalid input: expected string, received array',
  ]);
  expect(new Set(problems(text).map(({ file }) => file))).toEqual(new Set(['x.yaml']));
});

test.each([
  ['at the top', 'nmae: a\nname: a\n', '1:1 unknown key `nmae` in the file. Did you mean name?'],
  [
    'in a list',
    'name: a\nlist:\n  - colour: red\n    color: red\n',
    '4:5 unknown key `color` in `list.0`. Did you mean colour?',
  ],
  [
    'in a table',
    'name: a\ntable:\n  A:\n    size: x\n    sise: y\n',
    '5:5 unknown key `sise` in `table.A`. Did you mean size?',
  ],
  ['that is like no other', 'name: a\nzzzzzzzz: 1\n', '2:1 unknown key `zzzzzzzz` in the file.'],
])('an unknown key %s is told where it stands, with the nearest known one', (_where, text, problem) => {
  expect(seen(text)).toEqual([problem]);
});

test('a mistyped key of a pinned source gets its suggestion', () => {
  const text = "version: '1'\nsources:\n  main:\n    - file: a\n      sha265: x\n      urls: []\n";
  expect(seen(text, lineSchema)).toEqual([
    '4:7 `sources.main.0.sha256` is missing: string expected',
    '5:7 unknown key `sha265` in `sources.main.0`. Did you mean sha256?',
  ]);
});

test('a key of a table that breaks its rule is told where it stands, with the rule', () => {
  expect(seen('name: a\ntable:\n  A: { size: x }\n  bc: { size: x }\n')).toEqual([
    '4:3 `table.bc`: a key is in capitals',
  ]);
});

test('a missing key is told at the map that it is missing in', () => {
  expect(seen('# a comment\ncount: 1\n')).toEqual(['2:1 `name` is missing: string expected']);
  expect(seen('name: a\ninner: { left: x }\n')).toEqual(['2:8 `inner.right` is missing: string expected']);
});

test('a version that YAML reads as a number is to be quoted', () => {
  const text = 'version: 8.4\nsources: {}\n';
  expect(seen(text, lineSchema)).toEqual(['1:10 `version`: quote the version: YAML reads it as a number']);
});

test('a key that occurs twice is told at its second place', () => {
  expect(seen('name: a\ncount: 1\nname: b\n')).toEqual(['3:1 Map keys must be unique']);
});

test('text that is no YAML is told where it stops to be', () => {
  const [problem] = problems('name: a\ninner: {left: x\ncount: 1\n');
  expect(problem).toMatchObject({ file: 'x.yaml', line: 3 });
  expect(problem?.message).toMatch(/flow map/i);
});

test('an alias of nothing is a problem of the file', () => {
  expect(seen('name: *nothing\n')).toEqual([
    '1:7 Unresolved alias (the anchor must be set before the alias): nothing',
  ]);
});

test('aliases that would grow for ever are a problem of the file', () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const below = level === 0 ? 'x' : `*l${level - 1}`;
    return `l${level}: &l${level} [${Array.from({ length: 10 }, () => below).join(', ')}]`;
  });
  const [problem] = problems(`${levels.join('\n')}\n`);
  expect(problem).toMatchObject({ file: 'x.yaml', line: 1, column: 1 });
  expect(problem?.message).toMatch(/alias/i);
});

test.each([
  ['an empty file', ''],
  ['a file of comments', '# nothing\n'],
  ['a list', '- a\n'],
  ['two documents', 'name: a\n---\nname: b\n'],
])('%s is no recipe', (_what, text) => {
  expect(problems(text)).toHaveLength(1);
  expect(problems(text)[0]?.line).toBeGreaterThan(0);
});

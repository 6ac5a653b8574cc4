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

/** Problems, each as one line. */
function seen(text: string, of: z.ZodType = schema): readonly string[] {
  return problems(text, of).map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test('a valid file gives its value, with defaults filled in', () => {
  const parsed = parseYaml('name: a\ncount: 2\n', { file: 'x.yaml', schema });
  expect(parsed).toMatchObject({ ok: true, value: { name: 'a', count: 2, list: [], table: {} } });
});

test('a value is located by its path, a missing one by the map around it', () => {
  const parsed = parseYaml('name: a\ninner:\n  left: x\n  right: y\n', { file: 'x.yaml', schema });
  if (!parsed.ok) throw new Error('it did not parse');
  expect(parsed.locate(['inner', 'right'])).toEqual({ line: 4, column: 10 });
  expect(parsed.locate(['inner', 'middle'])).toEqual({ line: 3, column: 3 });
});

test('every problem is found at once, in the order of the file, with line and column', () => {
  const text = 'name: 8\ncount: many\ninner:\n  left: x\n  rihgt: y\nlist:\n  - colour: [red]\n';
  expect(seen(text)).toEqual([
    expect.stringMatching(/^1:7 `name`: .*string.*number/),
    expect.stringMatching(/^2:8 `count`: .*number.*string/),
    expect.stringMatching(/^4:3 `inner\.right` is missing/),
    expect.stringMatching(/^5:3 .*`rihgt` in `inner`.* right\?$/),
    expect.stringMatching(/^7:13 `list\.0\.colour`: .*string.*array/),
  ]);
  expect(new Set(problems(text).map(({ file }) => file))).toEqual(new Set(['x.yaml']));
});

test.each([
  ['at the top', 'nmae: a\nname: a\n', /^1:1 unknown key `nmae` .* name\?$/],
  [
    'in a list',
    'name: a\nlist:\n  - colour: red\n    color: red\n',
    /^4:5 unknown key `color` in `list\.0`.* colour\?$/,
  ],
  [
    'in a table',
    'name: a\ntable:\n  A:\n    size: x\n    sise: y\n',
    /^5:5 unknown key `sise` in `table\.A`.* size\?$/,
  ],
  ['that is like no other', 'name: a\nzzzzzzzz: 1\n', /^2:1 unknown key `zzzzzzzz` [^?]*$/],
])('an unknown key %s is reported at its position, with the nearest known one', (_where, text, problem) => {
  expect(seen(text)).toEqual([expect.stringMatching(problem)]);
});

test('a mistyped key of a pinned source gets its suggestion', () => {
  const text = "version: '1'\nsources:\n  main:\n    - file: a\n      sha265: x\n      urls: []\n";
  expect(seen(text, lineSchema)).toEqual([
    expect.stringMatching(/^4:7 `sources\.main\.0\.sha256` is missing/),
    expect.stringMatching(/^5:7 .*`sha265` in `sources\.main\.0`.* sha256\?$/),
  ]);
});

test('an invalid key of a table is reported at its position, with the rule', () => {
  expect(seen('name: a\ntable:\n  A: { size: x }\n  bc: { size: x }\n')).toEqual([
    '4:3 `table.bc`: a key is in capitals',
  ]);
});

test('a missing key is reported at the map around it', () => {
  expect(seen('# a comment\ncount: 1\n')).toEqual([expect.stringMatching(/^2:1 `name` is missing: string/)]);
  expect(seen('name: a\ninner: { left: x }\n')).toEqual([
    expect.stringMatching(/^2:8 `inner\.right` is missing: string/),
  ]);
});

test('a version that YAML reads as a number is a problem: it must be quoted', () => {
  const text = 'version: 8.4\nsources: {}\n';
  expect(seen(text, lineSchema)).toEqual([expect.stringMatching(/^1:10 `version`: quote/)]);
});

test('a key that occurs twice is reported at its second position', () => {
  expect(seen('name: a\ncount: 1\nname: b\n')).toEqual(['3:1 Map keys must be unique']);
});

test('a syntax error is reported at its line', () => {
  const [problem] = problems('name: a\ninner: {left: x\ncount: 1\n');
  expect(problem).toMatchObject({ file: 'x.yaml', line: 3 });
  expect(problem?.message).toMatch(/flow map/i);
});

test('an alias without an anchor is a problem of the file', () => {
  expect(seen('name: *nothing\n')).toEqual([expect.stringMatching(/^1:7 .*alias.*: nothing$/)]);
});

test('aliases that expand without bound are a problem of the file', () => {
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

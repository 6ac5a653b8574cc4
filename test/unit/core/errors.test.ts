import { expect, test } from 'vitest';
import { EXIT_CODES, InterruptedError, RecipeError, UsageError } from '../../../src/core/errors.js';

test('each kind of failure has its own exit code', () => {
  const codes = Object.values(EXIT_CODES);
  expect(new Set(codes).size).toBe(codes.length);
});

test('the exit codes are fixed', () => {
  expect(EXIT_CODES).toEqual({
    usage: 64,
    recipe: 65,
    engine: 69,
    internal: 70,
    stage: 72,
    layer: 73,
    storage: 74,
    source: 75,
    integrity: 76,
    publish: 77,
    smoke: 78,
    advisory: 79,
    outdated: 80,
    interrupted: 130,
    terminated: 143,
  });
});

test('an error has its class as name, its exit code, its hint, details and cause', () => {
  const cause = new Error('below');
  const error = new UsageError('above', { hint: 'do this', details: { value: '1' }, cause });
  expect(error).toMatchObject({
    name: 'UsageError',
    exitCode: 64,
    hint: 'do this',
    details: { value: '1' },
    cause,
    stages: [],
  });
});

test('Ctrl-C ends with 130 and SIGTERM with 143', () => {
  expect(new InterruptedError('SIGINT').exitCode).toBe(130);
  expect(new InterruptedError('SIGTERM').exitCode).toBe(143);
});

test('a recipe error has every problem on a line of its own, each with its position', () => {
  const error = new RecipeError([
    { file: 'a.yaml', line: 1, column: 2, message: 'one' },
    { file: 'b.yaml', line: 3, column: 4, message: 'two' },
  ]);
  const [first, ...rest] = error.message.split('\n');
  expect(first).toMatch(/^2 problems/);
  expect(rest).toEqual(['  a.yaml:1:2: one', '  b.yaml:3:4: two']);
});

test('a recipe error with one problem is that problem', () => {
  const error = new RecipeError([{ file: 'a.yaml', line: 1, column: 2, message: 'one' }]);
  expect(error.message).toBe('a.yaml:1:2: one');
});

test('a problem that was found twice is listed once', () => {
  const problem = { file: 'php/package.yaml', line: 1, column: 2, message: 'one' };
  expect(new RecipeError([problem, { ...problem }]).problems).toEqual([problem]);
});

import { expect, test } from 'vitest';
import { printError } from '../../../src/cli/error-printer.js';
import { InternalError, StageError, UsageError } from '../../../src/core/errors.js';

function printed(error: unknown): string {
  let text = '';
  printError(error, { print: (part) => (text += part) });
  return text;
}

test('an error is printed as its message and its hint', () => {
  expect(printed(new UsageError('no recipe', { hint: 'List them.' }))).toBe(
    'layersmith: no recipe\n  → List them.\n',
  );
});

test('an error without a hint is printed as one line', () => {
  expect(printed(new UsageError('no'))).toBe('layersmith: no\n');
});

test('the details are printed between them, lists with one value a line', () => {
  const error = new StageError('it did not compile', {
    details: { command: 'make (build.sh:12)', 'last lines': ['a.c:1: error', 'make: *** [a.o] Error 1'] },
    hint: 'Read the full log.',
  });
  expect(printed(error)).toBe(
    [
      'layersmith: it did not compile',
      '  command: make (build.sh:12)',
      '  last lines:',
      '    a.c:1: error',
      '    make: *** [a.o] Error 1',
      '  → Read the full log.',
      '',
    ].join('\n'),
  );
});

test('the stages of the error are printed, except for one that the message names', () => {
  const error = new StageError('zlib/1.3 is broken');
  error.stages.push('zlib/1.3', 'curl/8', 'curl/8', 'php/8.4');
  expect(printed(error).split('\n')).toEqual([
    'layersmith: zlib/1.3 is broken',
    '  in stage: curl/8 → php/8.4',
    '',
  ]);
});

test.each([
  ['an internal error', new InternalError('no stage can start')],
  ['a foreign error', new TypeError('x is undefined')],
])('%s is printed with its stack, and asks for a report', (_what, error) => {
  const text = printed(error);
  const [first, second] = text.split('\n');
  expect(first).toBe(`layersmith: internal error: ${error.name}: ${error.message}`);
  expect(second).toMatch(/^ {4}at /);
  expect(text).toContain('Please report it');
});

test('no other error is printed with its stack', () => {
  expect(printed(new UsageError('no', { cause: new Error('below') }))).not.toContain('    at ');
});

test('a thrown value that is not an error is printed too', () => {
  expect(printed('a text')).toContain('internal error: a text\n');
});

test("a hint to run clean names the command's store", () => {
  const error = new UsageError('full', { hint: 'Free some space (`layersmith clean --older-than 30d`).' });
  let text = '';
  printError(error, { print: (part) => (text += part), store: '/mnt/store' });
  expect(text).toContain('`layersmith clean --older-than 30d --store /mnt/store`');
  expect(printed(error)).toContain('`layersmith clean --older-than 30d`');
});

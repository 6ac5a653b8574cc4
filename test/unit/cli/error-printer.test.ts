import { expect, test } from 'vitest';
import { printError } from '../../../src/cli/error-printer.js';
import { InternalError, StageError, UsageError } from '../../../src/core/errors.js';

function printed(error: unknown): string {
  let text = '';
  printError(error, { print: (part) => (text += part) });
  return text;
}

test('an error is what happened, and what to do', () => {
  expect(
    printed(
      new UsageError('there is no recipe x.', { hint: 'Run `layersmith recipes` to list all recipes.' }),
    ),
  ).toBe('layersmith: there is no recipe x.\n  → Run `layersmith recipes` to list all recipes.\n');
});

test('an error without a hint is one line', () => {
  expect(printed(new UsageError('no'))).toBe('layersmith: no\n');
});

test('the values that matter come between, lists one a line', () => {
  const error = new StageError('php/8.4 did not compile: a command ended with status 2', {
    details: { command: 'make (build.sh:12)', 'last lines': ['a.c:1: error', 'make: *** [a.o] Error 1'] },
    hint: 'Read the full log.',
  });
  expect(printed(error)).toBe(
    [
      'layersmith: php/8.4 did not compile: a command ended with status 2',
      '  command: make (build.sh:12)',
      '  last lines:',
      '    a.c:1: error',
      '    make: *** [a.o] Error 1',
      '  → Read the full log.',
      '',
    ].join('\n'),
  );
});

test('the stages that it passed through are named, unless the message names them', () => {
  const error = new StageError('zlib/1.3 is broken');
  error.stages.push('zlib/1.3', 'curl/8', 'curl/8', 'php/8.4');
  expect(printed(error)).toBe('layersmith: zlib/1.3 is broken\n  in stage: curl/8 → php/8.4\n');
});

test.each([
  ['a defect that was foreseen', new InternalError('no stage can start')],
  ['a foreign error', new TypeError('x is undefined')],
])('%s is printed with its stack, and asks for a report', (_what, error) => {
  const text = printed(error);
  expect(text).toContain(`layersmith: internal error: ${error.name}: ${error.message}\n    at `);
  expect(text).toContain('Please report it');
});

test('only a defect has its stack printed', () => {
  expect(printed(new UsageError('no', { cause: new Error('below') }))).not.toContain('    at ');
});

test('what was thrown and is no error is printed too', () => {
  expect(printed('a text')).toContain('internal error: a text\n');
});

test('a hint to clean names the store that the command was given', () => {
  const error = new UsageError('full', { hint: 'Free some space (`layersmith clean --older-than 30d`).' });
  let text = '';
  printError(error, { print: (part) => (text += part), store: '/mnt/store' });
  expect(text).toContain('`layersmith clean --older-than 30d --store /mnt/store`');
  expect(printed(error)).toContain('`layersmith clean --older-than 30d`');
});

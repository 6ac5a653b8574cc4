import { expect, test } from 'vitest';
import { paintFor } from '../../../src/cli/color.js';
import { printError } from '../../../src/cli/error-printer.js';
import { UsageError } from '../../../src/core/errors.js';

const RED = '\u001b[31m';

test('a terminal gets colors', () => {
  expect(paintFor({ isTerminal: true, env: {} })('bad', 'error')).toContain(RED);
  expect(paintFor({ isTerminal: true, env: { NO_COLOR: '' } })('bad', 'error')).toContain(RED);
});

test.each([
  ['a file', { isTerminal: false, env: {} }],
  ['NO_COLOR', { isTerminal: true, env: { NO_COLOR: '1' } }],
])('%s does not', (_what, options) => {
  expect(paintFor(options)('bad', 'error')).toBe('error');
});

test('of an error only its first word is colored', () => {
  let text = '';
  printError(new UsageError('no'), {
    print: (part) => (text += part),
    paint: paintFor({ isTerminal: true, env: {} }),
  });
  expect(text).toBe(`${RED}layersmith:\u001b[39m no\n`);
});

import { expect, test } from 'vitest';
import { logFilter } from '../../../src/cli/log-filter.js';

const LOG = [
  '2026-11-24T18:52:19Z\tinit\tERROR\tInvoke Error\t{"errorType":"Runtime.ImportModuleError"}',
  'INIT_REPORT Init Duration: 12.45 ms\tPhase: init\tStatus: error\tError Type: X',
  '2026-11-24T18:52:19Z\tinit\tERROR\tInvoke Error\t{"errorType":"Runtime.ImportModuleError"}',
  'INIT_REPORT Init Duration: 7.81 ms\tPhase: invoke\tStatus: error\tError Type: X',
  'START RequestId: d5 Version: $LATEST',
  'a line of the function: init ERROR',
  'END RequestId: d5',
  'REPORT RequestId: d5\tDuration: 8.21 ms',
];
const shown = (repeat: number, onTerminal: boolean): readonly string[] =>
  LOG.filter(logFilter({ repeat, onTerminal })).map((line) => line.split(/[\s:]/)[0] ?? '');

test('a log that goes to a file is complete', () => {
  expect(LOG.filter(logFilter({ repeat: 1, onTerminal: false }))).toEqual(LOG);
});

test('a terminal, which has the error as the answer, does not show it again', () => {
  expect(shown(1, true)).toEqual(['INIT_REPORT', 'START', 'a', 'END', 'REPORT']);
});

test('of many invocations only what the function says is shown', () => {
  expect(shown(2, true)).toEqual(['INIT_REPORT', 'a']);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { plainReporter } from '../../../src/cli/plain-reporter.js';
import { quietReporter } from '../../../src/cli/quiet-reporter.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function quiet() {
  const printed: string[] = [];
  const loud = plainReporter({ print: (text) => printed.push(text), now: Date.now });
  return { printed, reporter: quietReporter(loud) };
}

test('a start that takes a moment says nothing but warnings', () => {
  const { printed, reporter } = quiet();
  reporter.info('toolchain: one');
  reporter.activity('relay', 3).finished('reused');
  reporter.warn('mind the gap');
  reporter.close();
  vi.advanceTimersByTime(60_000);
  reporter.info('later');
  expect(printed).toEqual(['warning: mind the gap\n']);
});

test('a stage that really runs is told of, with what came before', () => {
  const { printed, reporter } = quiet();
  reporter.info('toolchain: one');
  reporter.activity('there', undefined).finished('reused');
  const stage = reporter.activity('relay', 3);
  expect(printed).toEqual([]);
  stage.doing('gcc');
  expect(printed).toEqual([
    'toolchain: one\n',
    'there: in the store\n',
    'relay: started (last time 3.0 s)\n',
  ]);
  stage.finished('built');
  expect(printed.at(-1)).toBe('relay: done in 0.0 s\n');
});

test('a start that takes long says what it has come to', () => {
  const { printed, reporter } = quiet();
  reporter.info('pulling an image');
  vi.advanceTimersByTime(10_000);
  expect(printed).toEqual(['pulling an image\n']);
  reporter.info('unpacking it');
  expect(printed).toEqual(['pulling an image\n', 'unpacking it\n']);
});

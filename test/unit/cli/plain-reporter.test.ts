import { afterEach, expect, test, vi } from 'vitest';
import { plainReporter } from '../../../src/cli/plain-reporter.js';
import type { Reporter } from '../../../src/core/reporter.js';

/** What a reporter prints; `clock` is its time in milliseconds. */
function printedBy(use: (reporter: Reporter, clock: { ms: number }) => void): string[] {
  let text = '';
  const clock = { ms: 1_000_000 };
  const reporter = plainReporter({ print: (part) => (text += part), now: () => clock.ms });
  use(reporter, clock);
  reporter.close();
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text.split('\n').slice(0, -1);
}

test('a stage is one line at its start and one at its end, regardless of its output', () => {
  const lines = printedBy((reporter, clock) => {
    const stage = reporter.activity('zlib/1.3', undefined);
    for (let line = 0; line < 100; line++) stage.doing(`gcc ${line}.c`);
    clock.ms += 12_340;
    stage.finished('built');
  });
  expect(lines).toEqual(['zlib/1.3: started', 'zlib/1.3: done in 12.3 s']);
});

test('the duration of the last time is shown if it is known', () => {
  const lines = printedBy((reporter) => {
    reporter.activity('php/8.4', 390).doing('configure');
  });
  expect(lines).toEqual(['php/8.4: started (last time 6 min 30 s)']);
});

test('a stage from the store is one line', () => {
  const lines = printedBy((reporter) => {
    reporter.activity('php/8.4', 390).finished('reused');
  });
  expect(lines).toEqual(['php/8.4: in the store']);
});

test('a failed stage is reported with its duration', () => {
  const lines = printedBy((reporter, clock) => {
    const stage = reporter.activity('php/8.4', undefined);
    stage.doing('configure');
    clock.ms += 1500;
    stage.failed();
  });
  expect(lines).toEqual(['php/8.4: started', 'php/8.4: failed after 1.5 s']);
});

test('stages in parallel have their own durations', () => {
  const lines = printedBy((reporter, clock) => {
    const one = reporter.activity('a/1', undefined);
    clock.ms += 1000;
    const other = reporter.activity('b/1', undefined);
    clock.ms += 2000;
    other.finished('built');
    one.finished('built');
  });
  expect(lines).toEqual(['b/1: done in 2.0 s', 'a/1: done in 3.0 s']);
});

test('info and warnings are printed as lines', () => {
  const lines = printedBy((reporter) => {
    reporter.info('toolchain: Debian');
    reporter.warn('openssl is old');
  });
  expect(lines).toEqual(['toolchain: Debian', 'warning: openssl is old']);
});

afterEach(() => {
  vi.useRealTimers();
});

test('a running stage prints one line a minute, with its last output, until it ends', () => {
  vi.useFakeTimers();
  const lines = printedBy((reporter, clock) => {
    const pass = (ms: number): void => {
      clock.ms += ms;
      vi.advanceTimersByTime(ms);
    };
    const silent = reporter.activity('zlib/1.3', undefined);
    const stage = reporter.activity('php/8.4', undefined);
    stage.doing('configure');
    pass(59_000);
    silent.failed();
    pass(1_000);
    stage.doing('  gcc -c zend.c');
    pass(60_000);
    stage.finished('built');
    pass(600_000);
  });
  expect(lines).toEqual([
    'php/8.4: started',
    'zlib/1.3: failed after 59.0 s',
    'php/8.4: still running after 1 min 00 s: configure',
    'php/8.4: still running after 2 min 00 s: gcc -c zend.c',
    'php/8.4: done in 2 min 00 s',
  ]);
});

test('a stage without output is reported too, and a closed reporter prints nothing', () => {
  vi.useFakeTimers();
  let text = '';
  const reporter = plainReporter({ print: (part) => (text += part), now: Date.now });
  reporter.activity('zlib/1.3', undefined);
  vi.advanceTimersByTime(60_000);
  expect(text).toContain('zlib/1.3: still running after 1 min 00 s');
  const before = text;
  reporter.close();
  vi.advanceTimersByTime(600_000);
  expect(text).toBe(before);
});

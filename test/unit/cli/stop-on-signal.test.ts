import { expect, test } from 'vitest';
import { stopOnSignal } from '../../../src/cli/stop-on-signal.js';
import { InterruptedError } from '../../../src/core/errors.js';

function process() {
  const interrupted = new AbortController();
  const codes: number[] = [];
  const clock = { ms: 5_000 };
  const printed: string[] = [];
  const stop = stopOnSignal({
    interrupted,
    print: (text) => printed.push(text),
    exit: (code) => codes.push(code),
    now: () => clock.ms,
  });
  return { stop, interrupted, codes, clock, printed };
}

test('the first signal stops the work', () => {
  const { stop, interrupted, codes, printed } = process();
  stop('SIGTERM');
  expect(interrupted.signal.reason).toBeInstanceOf(InterruptedError);
  expect(codes).toEqual([]);
  expect(printed).toHaveLength(1);
});

test('one that comes at the same time, as from make, is the same request', () => {
  const { stop, clock, codes, printed } = process();
  stop('SIGTERM');
  clock.ms += 999;
  stop('SIGTERM');
  expect(codes).toEqual([]);
  expect(printed).toHaveLength(1);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a later %s stops at once with %i', (name, code) => {
  const { stop, clock, codes } = process();
  stop('SIGTERM');
  clock.ms += 1000;
  stop(name);
  expect(codes).toEqual([code]);
});

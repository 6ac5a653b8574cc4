import { expect, test } from 'vitest';
import { latencyMeter, latencyText } from '../../../src/cli/latency.js';

const report = (durationMs: number, initMs?: number) => ({
  initMs,
  durationMs,
  billedMs: Math.ceil(durationMs),
  memoryMb: 128,
  peakMemoryMb: undefined,
});

test('cold and warm invocations are told apart, and percentiles are of the warm ones', () => {
  const meter = latencyMeter();
  meter.add({ status: 'success', report: report(20, 35) });
  for (let ms = 100; ms >= 1; ms--) meter.add({ status: ms === 7 ? 'error' : 'success', report: report(ms) });
  const latency = meter.latency(101);
  expect(latency).toEqual({
    invocations: 101,
    errors: 1,
    cold: { initMs: 35, durationMs: 20 },
    warm: { invocations: 100, minMs: 1, medianMs: 50, p95Ms: 95, p99Ms: 99, maxMs: 100 },
  });
  expect(latencyText(latency)).toBe(
    '101 invocations, 1 failed; times in ms\n' +
      'cold  init 35.0  first 20.0\n' +
      'warm  min 1.00  median 50.0  p95 95.0  p99 99.0  max 100.0\n',
  );
});

test('invocations that were all cold have no warm line', () => {
  const meter = latencyMeter();
  for (let count = 0; count < 2; count++) meter.add({ status: 'timeout', report: report(3000, 12) });
  expect(meter.latency(2)).toMatchObject({ errors: 2, warm: undefined });
  expect(latencyText(meter.latency(2)).split('\n')).toHaveLength(3);
});

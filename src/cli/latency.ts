import type { InvocationOutcome, InvocationReport } from '../lambda/invocation.js';

/** Durations of many invocations, from their reports. All times are in milliseconds. */
export interface Latency {
  readonly invocations: number;
  readonly errors: number;
  /** The first invocation that started the bootstrap. */
  readonly cold: { readonly initMs: number; readonly durationMs: number } | undefined;
  /** Invocations that found the bootstrap running. */
  readonly warm:
    | {
        readonly invocations: number;
        readonly minMs: number;
        readonly medianMs: number;
        readonly p95Ms: number;
        readonly p99Ms: number;
        readonly maxMs: number;
      }
    | undefined;
}

/** Creates a meter that collects the reports of invocations for a summary. It keeps no responses. */
export function latencyMeter() {
  let errors = 0;
  let cold: Latency['cold'];
  const warm: number[] = [];
  return {
    add({ status, report }: Pick<InvocationOutcome, 'status'> & { readonly report: InvocationReport }): void {
      if (status !== 'success') errors += 1;
      const { initMs, durationMs } = report;
      if (initMs === undefined) warm.push(durationMs);
      else cold ??= { initMs, durationMs };
    },
    latency(invocations: number): Latency {
      const sorted = warm.toSorted((a, b) => a - b);
      const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
      return {
        invocations,
        errors,
        cold,
        warm:
          sorted.length === 0
            ? undefined
            : {
                invocations: sorted.length,
                minMs: at(0),
                medianMs: at(0.5),
                p95Ms: at(0.95),
                p99Ms: at(0.99),
                maxMs: at(1),
              },
      };
    },
  };
}

/** Formats a summary: a line for the cold start, one for the warm invocations, one for errors. */
export function latencyText({ invocations, errors, cold, warm }: Latency): string {
  const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
  const lines = [`${invocations} invocations, ${errors} failed; times in ms`];
  if (cold !== undefined) lines.push(`cold  init ${ms(cold.initMs)}  first ${ms(cold.durationMs)}`);
  if (warm !== undefined) {
    const { minMs, medianMs, p95Ms, p99Ms, maxMs } = warm;
    lines.push(
      `warm  min ${ms(minMs)}  median ${ms(medianMs)}  p95 ${ms(p95Ms)}  p99 ${ms(p99Ms)}  max ${ms(maxMs)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

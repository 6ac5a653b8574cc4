import type { InvocationReport } from './invocation.js';

/** How an init or an invocation failed, for the log lines. */
export type ReportedFailure =
  { readonly status: 'timeout' } | { readonly status: 'error'; readonly errorType: string };

/** Returns the START line: `START RequestId: … Version: $LATEST`. */
export function startLine(requestId: string): string {
  return `START RequestId: ${requestId} Version: $LATEST`;
}

/** Returns the END line: `END RequestId: …`. */
export function endLine(requestId: string): string {
  return `END RequestId: ${requestId}`;
}

/**
 * Returns the REPORT line in CloudWatch's format: fields separated by tabs, with a tab at the end unless a status follows
 * (AWS's developer guide, "Understanding the Lambda execution environment lifecycle").
 */
export function reportLine(
  requestId: string,
  { report, failure }: { readonly report: InvocationReport; readonly failure: ReportedFailure | undefined },
): string {
  const fields = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${milliseconds(report.durationMs)}`,
    `Billed Duration: ${report.billedMs} ms`,
    `Memory Size: ${report.memoryMb} MB`,
    ...(report.peakMemoryMb === undefined ? [] : [`Max Memory Used: ${report.peakMemoryMb} MB`]),
    ...(report.initMs === undefined ? [] : [`Init Duration: ${milliseconds(report.initMs)}`]),
    ...(failure === undefined ? [''] : failureFields(failure)),
  ];
  return fields.join('\t');
}

/** Returns the line about a failed init: before the first invocation (`init`) or as a part of one (`invoke`). */
export function initReportLine(options: {
  readonly phase: 'init' | 'invoke';
  readonly initMs: number;
  readonly failure: ReportedFailure;
}): string {
  const { phase, initMs, failure } = options;
  const duration = `INIT_REPORT Init Duration: ${milliseconds(initMs)}`;
  return [duration, `Phase: ${phase}`, ...failureFields(failure)].join('\t');
}

function failureFields(failure: ReportedFailure): readonly string[] {
  return failure.status === 'timeout'
    ? ['Status: timeout']
    : ['Status: error', `Error Type: ${failure.errorType}`];
}

function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`;
}

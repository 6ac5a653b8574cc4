import type { InvocationOutcome, InvocationRequest, ResponseSink } from '../lambda/invocation.js';
import type { Sandbox } from '../lambda/sandbox.js';
import type { Io } from './io.js';
import { latencyMeter, latencyText, type Latency } from './latency.js';
import { payloadOf } from './payload.js';

/** What `invoke` prints. */
export interface InvocationResult {
  /** The first failed outcome, or the last one when none failed. */
  readonly outcome: InvocationOutcome;
  readonly latency?: Latency;
}

/** Invokes a function several times in one sandbox. */
export async function invokeOften(
  sandbox: Sandbox,
  { request, repeat }: { readonly request: InvocationRequest; readonly repeat: number },
): Promise<InvocationResult> {
  const meter = latencyMeter();
  let shown: InvocationOutcome | undefined;
  for (let count = 1; count < repeat; count++) {
    const one = await sandbox.invoke(request);
    meter.add(one);
    if (one.status !== 'success') shown ??= one;
  }
  const last = await sandbox.invoke(request);
  meter.add(last);
  return { outcome: shown ?? last, latency: meter.latency(repeat) };
}

/** Creates a sink that prints a streamed response as it arrives. */
export function sinkTo(io: Io): ResponseSink {
  return { begin: () => undefined, write: (bytes) => io.outBytes(bytes) };
}

/** Prints the result, or the error as JSON. */
export async function printResult(io: Io, { outcome, latency }: InvocationResult): Promise<void> {
  const { payload, streamed, error } = outcome;
  const begun = streamed && latency === undefined;
  if (!begun) await io.outBytes(payload);
  else if (error !== undefined)
    io.err(`the response was cut off: ${error.errorType}: ${error.errorMessage}\n`);
  if (io.outIsTerminal && payload.at(-1) !== NEWLINE) await io.outBytes(Buffer.of(NEWLINE));
  if (latency !== undefined) io.err(latencyText(latency));
}

const NEWLINE = 0x0a;

/** Returns the object of `--json`. */
export function jsonOf({ outcome, latency }: InvocationResult): Readonly<Record<string, unknown>> {
  const { payload, logTail: _logTail, report, ...rest } = outcome;
  return { ...rest, report: rounded(report), ...payloadOf(payload), latency: rounded(latency) };
}

/** Rounds measurements (`…Ms`) to hundredths of a millisecond, as in Lambda's REPORT line. */
function rounded<T>(value: T): T {
  const parse = (text: string | undefined): T => (text === undefined ? value : (JSON.parse(text) as T));
  return parse(
    JSON.stringify(value, (key, part: unknown) =>
      typeof part === 'number' && key.endsWith('Ms') ? Math.round(part * 100) / 100 : part,
    ),
  );
}

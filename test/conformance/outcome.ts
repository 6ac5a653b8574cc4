import { createHash } from 'node:crypto';
import type { HttpAnswer, Observed } from './judged.js';

export type Field =
  'status' | 'content type' | 'function error' | 'body' | 'log of the function' | 'log of the platform';

/** Where two emulators differ in a case. Of a log: a line that only one of them has. */
export interface Difference {
  readonly field: Field;
  /** Of an answer: which event's, from 1. */
  readonly event?: number;
  readonly rie?: string;
  readonly ours?: string;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** RIE's own log, `23 Nov 2026 23:04:56,123 [INFO] (rapid) …`, and that of its HTTP server, which tells of its panics. */
const RIE_LOG = /^\d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2},\d{3} \[\w+\] |^time=\S+ level=INFO msg="http: /;
/** What the emulators write of an invocation, and not the function. */
const PLATFORM =
  /^(START|END|REPORT|INIT_REPORT) |^RequestId: .* Error: |^Error: Runtime |^(Runtime|Sandbox|Function)\.\w+$|Task timed out after/;
/** Longer texts, and bytes that are no text, are told by their length and digest. */
const LONGEST = 600;

/** Every difference between what the two did. */
export function differencesBetween({
  ours,
  rie,
}: {
  readonly ours: Observed;
  readonly rie: Observed;
}): readonly Difference[] {
  const found: Difference[] = [];
  for (let index = 0; index < Math.max(ours.answers.length, rie.answers.length); index++) {
    const [our, their] = [answerFields(ours.answers[index]), answerFields(rie.answers[index])];
    for (const field of new Set([...our.keys(), ...their.keys()])) {
      const [a = 'nothing', b = 'nothing'] = [our.get(field), their.get(field)];
      if (a !== b) found.push({ field, event: index + 1, rie: b, ours: a });
    }
  }
  const [ourLog, theirLog] = [logFields(ours.log), logFields(rie.log)];
  for (const field of ['log of the function', 'log of the platform'] as const)
    found.push(...lineDifferences(field, { ours: ourLog[field], rie: theirLog[field] }));
  return found;
}

function answerFields(answer: HttpAnswer | undefined): ReadonlyMap<Field, string> {
  if (answer === undefined) return new Map([['status', 'no answer']]);
  return new Map([
    ['status', String(answer.status)],
    ['content type', answer.headers.get('content-type') ?? 'none'],
    ['function error', answer.headers.get('x-amz-function-error') ?? 'none'],
    ['body', bodyText(answer)],
  ]);
}

function logFields(log: readonly string[]) {
  const lines = log.filter((line) => !RIE_LOG.test(line));
  return {
    'log of the function': lines.filter((line) => !PLATFORM.test(line)).map(plain),
    'log of the platform': lines.filter((line) => PLATFORM.test(line)).map(plain),
  };
}

function bodyText({ body }: HttpAnswer): string {
  const text = plain(body.toString());
  if (text.length <= LONGEST && Buffer.from(body.toString()).equals(body)) return text;
  return `${body.length} bytes, sha256 ${createHash('sha256').update(body).digest('hex').slice(0, 16)}`;
}

/** Without what no two invocations share: ids, times, sizes of memory, the time of day. */
function plain(text: string): string {
  return text
    .replace(UUID, '$id')
    .replace(/\d{4}-\d{2}-\d{2}T[\d:.]+Z(?=\s)/g, '$time')
    .replace(/Root=1-[0-9a-f]{8}-[0-9a-f]{24}/g, 'Root=$root')
    .replace(/Parent=[0-9a-f]{16}/g, 'Parent=$parent')
    .replace(/\b0x[0-9a-f]{6,}/g, '$address')
    .replace(/\d+\.\d\d ms/g, '$n ms')
    .replace(/Billed Duration: \d+ ms/g, 'Billed Duration: $n ms')
    .replace(/Max Memory Used: \d+ MB/g, 'Max Memory Used: $n MB')
    .replace(/\t+$/g, '')
    .replaceAll('\t', '; ');
}

/** The lines that only one has, by a longest common subsequence. */
function lineDifferences(
  field: Field,
  { ours, rie }: { readonly ours: readonly string[]; readonly rie: readonly string[] },
): readonly Difference[] {
  const width = rie.length + 1;
  const longest = new Uint32Array((ours.length + 1) * width);
  const at = (a: number, b: number): number => longest[a * width + b] ?? 0;
  for (let a = ours.length - 1; a >= 0; a--)
    for (let b = rie.length - 1; b >= 0; b--)
      longest[a * width + b] =
        ours[a] === rie[b] ? at(a + 1, b + 1) + 1 : Math.max(at(a + 1, b), at(a, b + 1));
  const found: Difference[] = [];
  let [a, b] = [0, 0];
  while (a < ours.length || b < rie.length) {
    const [our, their] = [ours[a], rie[b]];
    if (our !== undefined && our === their) {
      a++;
      b++;
    } else if (our !== undefined && (their === undefined || at(a + 1, b) >= at(a, b + 1))) {
      found.push({ field, ours: our });
      a++;
    } else if (their !== undefined) {
      found.push({ field, rie: their });
      b++;
    }
  }
  return found;
}

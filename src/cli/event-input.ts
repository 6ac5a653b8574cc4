import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { LayersmithError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { findJsonFault } from '../core/json-fault.js';
import type { Io } from './io.js';

/** The largest event that Lambda accepts (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const MAX_EVENT_BYTES = 6 * 1024 * 1024;

/**
 * Reads the event of a flag: JSON, `@FILE`, or `-` for stdin. Returns the bytes unchanged. Throws UsageError for invalid
 * JSON, with the position of the error, and for an event that is too large for Lambda.
 */
export async function readEvent(io: Io, argument: string): Promise<Uint8Array> {
  if (argument === '-') return checked('stdin', await collect('stdin', io.stdin()));
  if (!argument.startsWith('@')) return checked('--event', await collect('--event', [Buffer.from(argument)]));
  const name = argument.slice(1);
  try {
    return checked(name, await collect(name, createReadStream(resolve(io.cwd, name))));
  } catch (cause) {
    if (cause instanceof LayersmithError) throw cause;
    throw new UsageError(`cannot read the event ${name} (${errorCodeOf(cause) ?? String(cause)})`, {
      hint: 'Give the path of a file with JSON after the @, or the JSON itself.',
      cause,
    });
  }
}

/** Checks that a text is JSON. Throws UsageError if it is not. */
export function checkJson(what: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    const fault = findJsonFault(text);
    const place = fault === undefined ? what : `${what}:${fault.line}:${fault.column}`;
    const wanted = fault === undefined ? '' : `: expected ${fault.expected}${found(text, fault.offset)}`;
    throw new UsageError(`${place} is not JSON${wanted}`, {
      hint: `For example: '{"name": "World"}', in single quotes for the shell.`,
      cause,
    });
  }
}

function found(text: string, offset: number): string {
  const rest = text.slice(offset, offset + 20).split('\n')[0] ?? '';
  return offset >= text.length ? ', but it ends' : `, but found ${JSON.stringify(rest)}`;
}

function checked(what: string, bytes: Buffer): Uint8Array {
  checkJson(what, bytes.toString('utf8'));
  return bytes;
}

async function collect(
  what: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Buffer> {
  const all: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_EVENT_BYTES) {
      throw new UsageError(
        `RequestTooLargeException: the event of ${what} has more than ${MAX_EVENT_BYTES} bytes`,
        { hint: 'Store the data elsewhere, for example in S3, and pass its location.' },
      );
    }
    all.push(chunk);
  }
  return Buffer.concat(all);
}

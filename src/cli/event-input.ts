import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { LayersmithError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { findJsonFault } from '../core/json-fault.js';
import { MAX_EVENT_BYTES } from '../lambda/invocation-request.js';
import type { Io } from './io.js';

/**
 * Reads the event of `--event`: JSON, `@FILE`, or `-` for stdin. Returns the bytes unchanged. Throws UsageError for invalid
 * JSON, with the position of the error, and for an event that is too large for Lambda.
 */
export async function readEvent(io: Io, argument: string): Promise<Uint8Array> {
  const { bytes, place } = await readInput(io, argument, { flag: '--event', what: 'event' });
  checkJson(place, bytes.toString('utf8'));
  return bytes;
}

/**
 * Reads the value of a flag: the text itself, `@FILE`, or `-` for stdin. `place` names where it came from. Throws UsageError if
 * the file cannot be read, or if it is too large for an event.
 */
export async function readInput(
  io: Io,
  argument: string,
  { flag, what }: { readonly flag: string; readonly what: string },
): Promise<{ readonly bytes: Buffer; readonly place: string }> {
  const input = async (place: string, chunks: Chunks): Promise<{ bytes: Buffer; place: string }> => ({
    bytes: await collect(place, chunks),
    place,
  });
  if (argument === '-') return input('stdin', io.stdin());
  if (!argument.startsWith('@')) return input(flag, [Buffer.from(argument)]);
  const name = argument.slice(1);
  try {
    return await input(name, createReadStream(resolve(io.cwd, name)));
  } catch (cause) {
    if (cause instanceof LayersmithError) throw cause;
    throw new UsageError(`cannot read the ${what} ${name} (${errorCodeOf(cause) ?? String(cause)})`, {
      hint: `Give the path of a file after the @, or the ${what} itself.`,
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

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

async function collect(what: string, chunks: Chunks): Promise<Buffer> {
  const all: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_EVENT_BYTES) {
      throw tooLarge(what);
    }
    all.push(chunk);
  }
  return Buffer.concat(all);
}

/** The error for an event that Lambda would not accept. */
export function tooLarge(what: string): UsageError {
  return new UsageError(
    `RequestTooLargeException: the event of ${what} has more than ${MAX_EVENT_BYTES} bytes`,
    { hint: 'Store the data elsewhere, for example in S3, and pass its location.' },
  );
}

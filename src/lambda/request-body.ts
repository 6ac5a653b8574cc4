import type { IncomingMessage } from 'node:http';
import type { ResponseSink } from './invocation.js';

/** The body of a request that has ended. */
export interface RequestBody {
  readonly status: 'whole' | 'truncated' | 'too-long';
  /** The content of a whole body; empty if a sink received it. */
  readonly bytes: Buffer;
}

/**
 * Reads a body into memory, up to a limit. A longer body is read to its end and discarded, since the client expects an
 * answer only after it has sent all of it. Never rejects.
 */
export function bufferBody(request: IncomingMessage, limit: number): Promise<RequestBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (status: RequestBody['status']): void => {
      resolve({ status, bytes: status === 'whole' ? Buffer.concat(chunks) : Buffer.alloc(0) });
      chunks.length = 0;
    };
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.on('end', () => {
      finish(length <= limit ? 'whole' : 'too-long');
    });
    request.on('error', () => undefined);
    // Has no effect after `end`.
    request.on('close', () => {
      finish('truncated');
    });
  });
}

/**
 * Passes a body on to a sink, no faster than the sink accepts it. If the sink fails, the rest is read and discarded, so that
 * the function does not notice. Never rejects.
 */
export async function streamBody(request: IncomingMessage, sink: ResponseSink): Promise<RequestBody> {
  let open = true;
  const bytes = Buffer.alloc(0);
  try {
    sink.begin({ contentType: request.headers['content-type'] });
  } catch {
    open = false;
  }
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (!open) continue;
      await sink.write(chunk).catch(() => {
        open = false;
      });
    }
  } catch {
    return { status: 'truncated', bytes };
  }
  return { status: request.complete ? 'whole' : 'truncated', bytes };
}

import type { IncomingMessage } from 'node:http';
import type { ResponseSink } from './invocation.js';

/** The body of a request that came to its end, one way or another. */
export interface RequestBody {
  readonly status: 'whole' | 'truncated' | 'too-long';
  /** Of a whole body that went to no sink; else empty. */
  readonly bytes: Buffer;
}

/**
 * Reads a body, and keeps no more than the limit; what is longer is read to its end as well, since the client
 * waits for an answer until it has sent all. Never rejects.
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
    // After the end it says nothing new.
    request.on('close', () => {
      finish('truncated');
    });
  });
}

/**
 * Passes a body on as it comes, no faster than the sink takes it. A sink that fails is given no more; the
 * function is not to suffer from it, so the rest is read and dropped. Never rejects.
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

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { HttpRequest } from './http-request.js';

/** Returns a request that Node's server has received, with the bytes of its body. */
export function requestOf(
  message: IncomingMessage,
  { target, body }: { readonly target: string; readonly body: Buffer },
): HttpRequest {
  return {
    method: message.method ?? 'GET',
    target,
    headers: headersOf(message.rawHeaders),
    body,
    protocol: `HTTP/${message.httpVersion}`,
    scheme: 'http',
    sourceIp: message.socket.remoteAddress ?? '127.0.0.1',
  };
}

/** Pairs Node's list of alternating names and values. */
function headersOf(raw: readonly string[]): HttpRequest['headers'] {
  return raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name, decoded(raw[index + 1] ?? '')] as const] : [],
  );
}

/** Node reads values as latin1. Decodes those that are UTF-8. */
function decoded(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
}

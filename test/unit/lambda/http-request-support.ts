import type { Arrival, HttpRequest } from '../../../src/lambda/http-request.js';

/** A GET of `/` by curl; change what the test is about. */
export function httpRequest(changes: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    target: '/',
    headers: [
      ['Host', 'shop.example'],
      ['User-Agent', 'curl/8.0'],
    ],
    body: Buffer.alloc(0),
    protocol: 'HTTP/1.1',
    scheme: 'https',
    sourceIp: '192.0.2.7',
    ...changes,
  };
}

export const ARRIVAL: Arrival = { requestId: 'the-id', now: Date.UTC(2020, 2, 12, 19, 3, 58, 390) };

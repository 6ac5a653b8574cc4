import { httpEvent, type EventFormat } from '../../src/lambda/http-event.js';

/** A request, in the form that tests write it. */
export interface TestRequest {
  /** `GET` by default. */
  readonly method?: string;
  /** Path and query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Where the requests of tests come from. */
export const CLIENT = '203.0.113.7';

/** The event of a request to `www.example.org` over HTTPS. */
export function eventFor(request: TestRequest, format: EventFormat = 'url'): Buffer {
  const { method = 'GET', target, headers = {}, body = '' } = request;
  return httpEvent(
    format,
    {
      method,
      target,
      headers: Object.entries({ Host: 'www.example.org', ...headers }),
      body: Buffer.from(body),
      protocol: 'HTTP/1.1',
      scheme: 'https',
      sourceIp: CLIENT,
    },
    { requestId: 'c0ffee', now: Date.UTC(2026, 0, 1) },
  );
}

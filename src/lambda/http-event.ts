import { randomBytes } from 'node:crypto';
import { albEvent } from './http-event-alb.js';
import { restEvent } from './http-event-v1.js';
import { urlEvent, httpApiEvent } from './http-event-v2.js';
import { CONNECTION_HEADERS, headerOf, portOf, type Arrival, type HttpRequest } from './http-request.js';

/**
 * Who invokes the function with HTTP requests: a function URL, a REST API or an HTTP API (payload format 2.0) of API Gateway,
 * a load balancer (ALB), or one with multi-value headers.
 */
export const EVENT_FORMATS = ['url', 'v1', 'v2', 'alb', 'alb-multi'] as const;
export type EventFormat = (typeof EVENT_FORMATS)[number];

/** Returns the event that AWS makes of a request, as JSON. */
export function httpEvent(format: EventFormat, request: HttpRequest, arrival: Arrival): Buffer {
  const forwarded = { ...request, headers: forwardedHeaders(request, arrival) };
  return Buffer.from(JSON.stringify(eventOf(format, forwarded, arrival)));
}

function eventOf(format: EventFormat, request: HttpRequest, arrival: Arrival): unknown {
  switch (format) {
    case 'url':
      return urlEvent(request, arrival);
    case 'v2':
      return httpApiEvent(request, arrival);
    case 'v1':
      return restEvent(request, arrival);
    case 'alb':
      return albEvent(request, { isMultiValue: false });
    case 'alb-multi':
      return albEvent(request, { isMultiValue: true });
  }
}

/** Adds the headers that AWS's front ends add, and leaves out those of the connection. */
function forwardedHeaders(request: HttpRequest, { now }: Arrival): HttpRequest['headers'] {
  const clients = headerOf(request, 'x-forwarded-for');
  const added: HttpRequest['headers'] = [
    ['X-Forwarded-For', clients === undefined ? request.sourceIp : `${clients}, ${request.sourceIp}`],
    ['X-Forwarded-Proto', request.scheme],
    ['X-Forwarded-Port', portOf(request)],
    ['X-Amzn-Trace-Id', headerOf(request, 'x-amzn-trace-id') ?? traceId(now)],
  ];
  const replaced = new Set(added.map(([name]) => name.toLowerCase()));
  const kept = request.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !CONNECTION_HEADERS.has(lower) && lower !== 'expect' && !replaced.has(lower);
  });
  return [...kept, ...added];
}

/** Returns a new trace id of X-Ray: the time in seconds and 96 random bits. */
function traceId(now: number): string {
  const seconds = Math.floor(now / 1000)
    .toString(16)
    .padStart(8, '0');
  return `Root=1-${seconds}-${randomBytes(12).toString('hex')}`;
}

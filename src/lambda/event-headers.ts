import { RUNTIME_API_HEADERS } from '../core/runtime-api.js';
import type { InvocationRequest } from './invocation.js';

/** An event for the bootstrap. */
export interface RuntimeEvent extends InvocationRequest {
  readonly requestId: string;
  readonly functionArn: string;
  /** When the invocation started, and when it times out, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly deadline: number;
}

/** Returns the headers of an answer to `/next`. Absent fields have no header (RIE, `rapi/rendering/rendering.go`). */
export function eventHeaders(event: RuntimeEvent): Readonly<Record<string, string | number>> {
  const optional = {
    [RUNTIME_API_HEADERS.clientContext]: event.clientContext,
    [RUNTIME_API_HEADERS.cognitoIdentity]: event.cognitoIdentity,
    [RUNTIME_API_HEADERS.tenantId]: event.tenantId,
  };
  const given = Object.entries(optional).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, headerValue(value)] as const],
  );
  return {
    'Content-Type': 'application/json',
    'Content-Length': event.event.length,
    [RUNTIME_API_HEADERS.requestId]: event.requestId,
    [RUNTIME_API_HEADERS.deadline]: event.deadline,
    [RUNTIME_API_HEADERS.functionArn]: headerValue(event.functionArn),
    [RUNTIME_API_HEADERS.traceId]: headerValue(event.traceId ?? traceId(event)),
    ...Object.fromEntries(given),
  };
}

/** Encodes a header value as UTF-8 for Node, which writes latin1. Control characters become spaces, as in Go's server. */
function headerValue(value: string): string {
  // eslint-disable-next-line no-control-regex -- control characters must not get into a header
  return Buffer.from(value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, ' ')).toString('latin1');
}

/** Returns a trace id in X-Ray's format that is derived from the request id. It is never sampled. */
function traceId({ requestId, startedAt }: RuntimeEvent): string {
  const hex = requestId.replaceAll(/[^0-9a-f]/gi, '').padEnd(32, '0');
  const seconds = Math.floor(startedAt / 1000)
    .toString(16)
    .padStart(8, '0');
  return `Root=1-${seconds}-${hex.slice(0, 24)};Parent=${hex.slice(16, 32)};Sampled=0`;
}

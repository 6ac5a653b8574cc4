import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isJson } from '../core/is-json.js';
import type { InvocationRequest } from './invocation.js';

/** The largest event of a synchronous invocation, in bytes: Lambda's quota. */
export const MAX_EVENT_BYTES = 6 * 1024 * 1024;
/** The largest event of an asynchronous invocation, in bytes: Lambda's quota since October 2025. */
const MAX_ASYNC_EVENT_BYTES = 1024 * 1024;
/** A body over the limits is still read up to here, so that a client that sends all of it first sees the error. */
const MAX_BODY_BYTES = 64 * MAX_EVENT_BYTES;

const INVOCATION_TYPES = ['RequestResponse', 'Event', 'DryRun'] as const;
type InvocationType = (typeof INVOCATION_TYPES)[number];

/** An error answer in the format of Lambda's API. */
export class InvokeRefusal extends Error {
  readonly statusCode: number;
  /** `RequestTooLargeException`; SDKs use it as the name of the error. */
  readonly type: string;

  constructor(statusCode: number, type: string, message: string) {
    super(message);
    this.name = 'InvokeRefusal';
    this.statusCode = statusCode;
    this.type = type;
  }
}

/** A parsed HTTP request to Lambda's Invoke. */
export interface ParsedInvocation {
  readonly type: InvocationType;
  /** Whether the answer should include the end of the log. */
  readonly tail: boolean;
  readonly request: InvocationRequest;
}

/**
 * Parses a request to Invoke. Throws InvokeRefusal for an unknown invocation type, an event that exceeds the limit of its
 * type, and an invalid context. The event may be any bytes; an empty one becomes `{}`.
 */
export async function parseInvocation(message: IncomingMessage): Promise<ParsedInvocation> {
  const { headers } = message;
  const type = typeOf(headers);
  const body = await readBody(message);
  const limit = type === 'Event' ? MAX_ASYNC_EVENT_BYTES : MAX_EVENT_BYTES;
  if (body.sizeBytes > limit) throw tooLarge(type, body.sizeBytes);
  return {
    type,
    tail: one(headers['x-amz-log-type']) === 'Tail',
    request: {
      event: body.bytes.length === 0 ? Buffer.from('{}') : body.bytes,
      clientContext: clientContext(one(headers['x-amz-client-context'])),
      cognitoIdentity: jsonHeader('X-Amz-Cognito-Identity', one(headers['x-amz-cognito-identity'])),
      tenantId: one(headers['x-amz-tenant-id']),
      traceId: one(headers['x-amzn-trace-id']),
    },
  };
}

function typeOf(headers: IncomingHttpHeaders): InvocationType {
  const asked = one(headers['x-amz-invocation-type']) ?? 'RequestResponse';
  const type = INVOCATION_TYPES.find((name) => name === asked);
  if (type !== undefined) return type;
  throw new InvokeRefusal(
    400,
    'InvalidParameterValueException',
    `X-Amz-Invocation-Type is '${asked}', but must be one of ${INVOCATION_TYPES.join(', ')}`,
  );
}

function tooLarge(type: InvocationType, sizeBytes: number): InvokeRefusal {
  return new InvokeRefusal(
    413,
    'RequestTooLargeException',
    type === 'Event'
      ? `${sizeBytes} byte payload is too large for the Event invocation type (limit ${MAX_ASYNC_EVENT_BYTES} bytes)`
      : `Request must be smaller than ${MAX_EVENT_BYTES} bytes for the InvokeFunction operation`,
  );
}

/** Reads the whole body. Keeps it only up to the size limit of an event. */
async function readBody(
  message: IncomingMessage,
): Promise<{ readonly bytes: Buffer; readonly sizeBytes: number }> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes <= MAX_EVENT_BYTES) chunks.push(chunk);
    else chunks.length = 0;
    if (sizeBytes > MAX_BODY_BYTES) throw tooLarge('RequestResponse', sizeBytes);
  }
  return { bytes: Buffer.concat(chunks), sizeBytes };
}

function clientContext(header: string | undefined): string | undefined {
  if (header === undefined || header === '') return undefined;
  const text = /^[A-Za-z0-9+/]*={0,2}$/.test(header) ? Buffer.from(header, 'base64').toString() : '';
  if (isJson(text)) return text;
  throw new InvokeRefusal(
    400,
    'InvalidRequestContentException',
    'Client context must be a valid Base64-encoded JSON object.',
  );
}

function jsonHeader(name: string, value: string | undefined): string | undefined {
  if (value === undefined || isJson(value)) return value;
  throw new InvokeRefusal(400, 'InvalidRequestContentException', `${name} must be JSON`);
}

function one(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0];
}

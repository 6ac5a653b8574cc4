import { isUtf8 } from 'node:buffer';
import { headerOf, type HttpRequest } from './http-request.js';

/** The body in an event. */
export interface EventBody {
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

const TEXT_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/javascript',
  'application/xml',
]);

/**
 * Encodes a body as function URLs, HTTP APIs and load balancers do: as text if its type is a text type and it has no content
 * encoding, else in base64. So forms are in base64. Bytes that are not UTF-8 are in base64, whatever their type says.
 * (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html#receive-event-from-load-balancer)
 */
export function bodyByType(request: HttpRequest): EventBody {
  const type = (headerOf(request, 'content-type') ?? '').replace(/;.*/s, '').trim().toLowerCase();
  const isText = type.startsWith('text/') || TEXT_TYPES.has(type);
  return encoded(request.body, isText && headerOf(request, 'content-encoding') === undefined);
}

/** Encodes a body as a REST API does: as text, or in base64 if it is binary and the API has a binary media type for it. */
export function bodyByContent({ body }: HttpRequest): EventBody {
  return encoded(body, true);
}

function encoded(body: Buffer, asText: boolean): EventBody {
  return body.length === 0 || (asText && isUtf8(body))
    ? { body: body.toString('utf8'), isBase64Encoded: false }
    : { body: body.toString('base64'), isBase64Encoded: true };
}

import { clfTime } from './clf-time.js';
import { bodyByType } from './http-event-body.js';
import {
  groupByName,
  headerOf,
  hostOf,
  splitTarget,
  type Arrival,
  type HttpRequest,
} from './http-request.js';
import { LOCAL_ACCOUNT, LOCAL_API } from './local-api.js';

/**
 * Returns the event of a function URL (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads). Unlike
 * HTTP APIs, function URLs also keep the header with the cookies (aws-lambda-web-adapter, issue 121).
 */
export function urlEvent(request: HttpRequest, arrival: Arrival): unknown {
  return eventOf(request, { arrival, accountId: 'anonymous', keepCookieHeader: true });
}

/**
 * Returns the event of an HTTP API in payload format 2.0, from its default route and stage
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
 */
export function httpApiEvent(request: HttpRequest, arrival: Arrival): unknown {
  return eventOf(request, { arrival, accountId: LOCAL_ACCOUNT, keepCookieHeader: false });
}

function eventOf(
  request: HttpRequest,
  {
    arrival,
    accountId,
    keepCookieHeader,
  }: { readonly arrival: Arrival; readonly accountId: string; readonly keepCookieHeader: boolean },
): unknown {
  const { method, protocol, sourceIp, body } = request;
  const { path, query } = splitTarget(request);
  const domainName = hostOf(request);
  const cookies = cookiesOf(request);
  const { body: text, isBase64Encoded } = bodyByType(request);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers: {
      ...joined(
        request.headers
          .filter(([name]) => name.toLowerCase() !== 'cookie')
          .map(([name, value]) => [name.toLowerCase(), value]),
      ),
      ...(keepCookieHeader && cookies.length > 0 ? { cookie: cookies.join('; ') } : {}),
    },
    // Decoded; a repeated parameter has its values joined by a comma.
    ...(query === '' ? {} : { queryStringParameters: joined(new URLSearchParams(`?${query}`)) }),
    requestContext: {
      accountId,
      apiId: LOCAL_API,
      domainName,
      domainPrefix: domainName.replace(/\..*/s, ''),
      http: { method, path, protocol, sourceIp, userAgent: headerOf(request, 'user-agent') ?? '' },
      requestId: arrival.requestId,
      routeKey: '$default',
      stage: '$default',
      time: clfTime(arrival.now),
      timeEpoch: arrival.now,
    },
    ...(body.length === 0 ? {} : { body: text }),
    isBase64Encoded,
  };
}

/** The cookies, one element each. */
function cookiesOf({ headers }: HttpRequest): readonly string[] {
  return headers
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .flatMap(([, value]) => value.split(';'))
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '');
}

function joined(pairs: Iterable<readonly [string, string]>): Readonly<Record<string, string>> {
  return Object.fromEntries([...groupByName(pairs)].map(([name, values]) => [name, values.join(',')]));
}

import { clfTime } from './clf-time.js';
import { bodyByContent } from './http-event-body.js';
import {
  groupByName,
  headerOf,
  hostOf,
  splitTarget,
  type Arrival,
  type HttpRequest,
} from './http-request.js';
import { LOCAL_ACCOUNT, LOCAL_API } from './local-api.js';

const STAGE = 'local';

/**
 * Returns the event of a REST API with the resource `/{proxy+}`
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html). Header names keep
 * their case; query parameters and the path are decoded.
 */
export function restEvent(request: HttpRequest, { requestId, now }: Arrival): unknown {
  const { method, protocol, sourceIp, headers } = request;
  const { path: encodedPath, query } = splitTarget(request);
  const path = decoded(encodedPath);
  const resource = path === '/' ? '/' : '/{proxy+}';
  const domainName = hostOf(request);
  const { body, isBase64Encoded } = bodyByContent(request);
  const headerValues = valuesOf(headers);
  const parameters = query === '' ? undefined : valuesOf(new URLSearchParams(`?${query}`));
  return {
    resource,
    path,
    httpMethod: method,
    headers: headerValues.last,
    multiValueHeaders: headerValues.all,
    queryStringParameters: parameters?.last ?? null,
    multiValueQueryStringParameters: parameters?.all ?? null,
    pathParameters: path === '/' ? null : { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      accountId: LOCAL_ACCOUNT,
      apiId: LOCAL_API,
      domainName,
      domainPrefix: domainName.replace(/\..*/s, ''),
      extendedRequestId: requestId,
      httpMethod: method,
      identity: {
        accessKey: null,
        accountId: null,
        apiKey: null,
        apiKeyId: null,
        caller: null,
        cognitoAuthenticationProvider: null,
        cognitoAuthenticationType: null,
        cognitoIdentityId: null,
        cognitoIdentityPoolId: null,
        principalOrgId: null,
        sourceIp,
        user: null,
        userAgent: headerOf(request, 'user-agent') ?? null,
        userArn: null,
      },
      path: `/${STAGE}${path}`,
      protocol,
      requestId,
      requestTime: clfTime(now),
      requestTimeEpoch: now,
      resourceId: LOCAL_API,
      resourcePath: resource,
      stage: STAGE,
    },
    body: body === '' ? null : body,
    isBase64Encoded,
  };
}

/** The last value of each name, and all values of each name. */
function valuesOf(pairs: Iterable<readonly [string, string]>): {
  readonly last: Readonly<Record<string, string>>;
  readonly all: Readonly<Record<string, readonly string[]>>;
} {
  const groups = groupByName(pairs);
  return {
    last: Object.fromEntries([...groups].map(([name, values]) => [name, values.at(-1) ?? ''])),
    all: Object.fromEntries(groups),
  };
}

/** Decodes a path. An invalid one is returned unchanged. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

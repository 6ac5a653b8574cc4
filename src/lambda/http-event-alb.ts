import { bodyByType } from './http-event-body.js';
import { groupByName, splitTarget, type HttpRequest } from './http-request.js';
import { LOCAL_ACCOUNT } from './local-api.js';

const TARGET_GROUP = `arn:aws:elasticloadbalancing:us-east-1:${LOCAL_ACCOUNT}:targetgroup/layersmith/0123456789abcdef`;

/**
 * Returns the event of an Application Load Balancer
 * (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html). Query parameters are not
 * decoded. Without multi-value headers, the last value of a name counts.
 */
export function albEvent(
  request: HttpRequest,
  { isMultiValue }: { readonly isMultiValue: boolean },
): unknown {
  const { path, query } = splitTarget(request);
  const parameters = groupByName(parametersOf(query));
  const headers = groupByName(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
  return {
    requestContext: { elb: { targetGroupArn: TARGET_GROUP } },
    httpMethod: request.method,
    path,
    ...(isMultiValue
      ? {
          multiValueQueryStringParameters: Object.fromEntries(parameters),
          multiValueHeaders: Object.fromEntries(headers),
        }
      : { queryStringParameters: lastValues(parameters), headers: lastValues(headers) }),
    ...bodyByType(request),
  };
}

/** Splits a query string without decoding it. */
function parametersOf(query: string): readonly (readonly [string, string])[] {
  const parts = query.split('&').filter((part) => part !== '');
  return parts.map((part) => {
    const at = part.indexOf('=');
    return at === -1 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
  });
}

function lastValues(groups: ReadonlyMap<string, readonly string[]>): Readonly<Record<string, string>> {
  return Object.fromEntries([...groups].map(([name, values]) => [name, values.at(-1) ?? '']));
}

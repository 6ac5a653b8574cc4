// Events as Lambda's HTTP front ends write them, for tests.

/** A request, in the form that tests write it. */
export interface TestRequest {
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  readonly body?: string | Buffer;
}

/** The event of a function URL: format 2.0. */
export function urlEvent(request: TestRequest): Record<string, unknown> {
  const { method = 'GET', path, query = '', headers = {}, cookies, body } = request;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    ...(cookies === undefined ? {} : { cookies }),
    headers: {
      host: 'abc.lambda-url.eu-central-1.on.aws',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-forwarded-for': '203.0.113.7',
      ...headers,
    },
    requestContext: {
      domainName: 'abc.lambda-url.eu-central-1.on.aws',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'test' },
    },
    ...bodyOf(body),
  };
}

/** The event of a REST API: format 1.0, whose query parameters are decoded. */
export function restEvent(
  request: Omit<TestRequest, 'query' | 'cookies'>,
  parameters: Readonly<Record<string, readonly string[]>> = {},
): Record<string, unknown> {
  const { method = 'GET', path, headers = {}, body } = request;
  const all = { Host: 'api.example.org', 'X-Forwarded-Proto': 'https', ...headers };
  return {
    resource: '/{proxy+}',
    path,
    httpMethod: method,
    headers: all,
    multiValueHeaders: lists(all),
    queryStringParameters: null,
    multiValueQueryStringParameters: parameters,
    requestContext: { stage: 'prod', protocol: 'HTTP/1.1', identity: { sourceIp: '203.0.113.8' } },
    ...bodyOf(body),
  };
}

/** The event of a load balancer, with or without multi-value headers. Query parameters stay as they were sent. */
export function balancerEvent(
  request: Omit<TestRequest, 'query' | 'cookies'>,
  {
    multi,
    parameters = {},
  }: { readonly multi: boolean; readonly parameters?: Readonly<Record<string, string>> },
): Record<string, unknown> {
  const { method = 'GET', path, headers = {}, body } = request;
  const all = {
    host: 'lb.example.org:8443',
    'x-forwarded-for': '198.51.100.1, 203.0.113.9',
    'x-forwarded-proto': 'http',
    'x-forwarded-port': '8443',
    ...headers,
  };
  return {
    requestContext: { elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:x' } },
    httpMethod: method,
    path,
    ...(multi
      ? { multiValueHeaders: lists(all), multiValueQueryStringParameters: lists(parameters) }
      : { headers: all, queryStringParameters: parameters }),
    ...bodyOf(body),
  };
}

function lists(values: Readonly<Record<string, string>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]]));
}

function bodyOf(body: string | Buffer | undefined): Record<string, unknown> {
  if (typeof body === 'object') return { body: body.toString('base64'), isBase64Encoded: true };
  return { body: body ?? null, isBase64Encoded: false };
}

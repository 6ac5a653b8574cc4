// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

/** The path prefix of Lambda's Runtime API; `invocation/…` and `init/…` follow it. */
export const RUNTIME_API_PATH = '/2018-06-01/runtime/';

/** Headers of the Runtime API: the first group comes with an event, the second with a response or an error. */
export const RUNTIME_API_HEADERS = {
  requestId: 'Lambda-Runtime-Aws-Request-Id',
  deadline: 'Lambda-Runtime-Deadline-Ms',
  functionArn: 'Lambda-Runtime-Invoked-Function-Arn',
  traceId: 'Lambda-Runtime-Trace-Id',
  clientContext: 'Lambda-Runtime-Client-Context',
  cognitoIdentity: 'Lambda-Runtime-Cognito-Identity',
  tenantId: 'Lambda-Runtime-Aws-Tenant-Id',

  responseMode: 'Lambda-Runtime-Function-Response-Mode',
  errorType: 'Lambda-Runtime-Function-Error-Type',
  errorBody: 'Lambda-Runtime-Function-Error-Body',
} as const;

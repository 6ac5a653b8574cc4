import { RUNTIME_API_HEADERS, RUNTIME_API_PATH } from '../core/runtime-api.js';
import { BUNDLE_ROOT } from './runtime.js';

/** Names and values that a generated program shares with the TypeScript side. */
export type Constants = Readonly<Record<string, string | number>>;

/** Converts a header name to the lower case in which bootstraps keep received headers. HTTP ignores case. */
const received = (header: string): string => header.toLowerCase();

/** Constants for the bootstraps of all languages: the Runtime API, paths on Lambda, and limits. */
export const BOOTSTRAP_CONSTANTS = {
  RUNTIME_API_PATH,
  REQUEST_ID_HEADER: received(RUNTIME_API_HEADERS.requestId),
  DEADLINE_HEADER: received(RUNTIME_API_HEADERS.deadline),
  FUNCTION_ARN_HEADER: received(RUNTIME_API_HEADERS.functionArn),
  TRACE_ID_HEADER: received(RUNTIME_API_HEADERS.traceId),
  CLIENT_CONTEXT_HEADER: received(RUNTIME_API_HEADERS.clientContext),
  COGNITO_IDENTITY_HEADER: received(RUNTIME_API_HEADERS.cognitoIdentity),
  TENANT_ID_HEADER: received(RUNTIME_API_HEADERS.tenantId),
  RESPONSE_MODE_HEADER: RUNTIME_API_HEADERS.responseMode,
  ERROR_TYPE_HEADER: RUNTIME_API_HEADERS.errorType,
  ERROR_BODY_HEADER: RUNTIME_API_HEADERS.errorBody,
  LAYER_ROOT: BUNDLE_ROOT.vendor,
  TASK_ROOT: BUNDLE_ROOT.function,
  /** Deeper JSON is refused in events and results. */
  MAX_JSON_DEPTH: 2048,
  /** Longer error messages are truncated. */
  MAX_MESSAGE_BYTES: 32 * 1024,
  /** Limits for a response of the Runtime API. Lambda's own limit for an event is 6 MiB. */
  MAX_HEAD_BYTES: 1024 ** 2,
  MAX_BODY_BYTES: 64 * 1024 ** 2,
  /** How long the Runtime API may pause within a response. */
  READ_TIMEOUT_SECONDS: 5,
} as const satisfies Constants;

/** Returns the constants whose names occur in a program. */
export function constantsUsedIn(program: string, constants: Constants): Constants {
  const words = new Set(program.match(/\b[A-Z][A-Z0-9_]*\b/g));
  return Object.fromEntries(Object.entries(constants).filter(([name]) => words.has(name)));
}

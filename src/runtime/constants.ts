import { RUNTIME_API_HEADERS, RUNTIME_API_PATH } from '../core/runtime-api.js';
import { BUNDLE_ROOT } from './runtime.js';

/** Names and values that a generated program shares with the TypeScript side. */
export type Constants = Readonly<Record<string, string | number>>;

/** Received headers have lower-case names in a bootstrap, as HTTP makes no difference. */
const received = (header: string): string => header.toLowerCase();

/** What the bootstraps of all languages use: the Runtime API, where Lambda puts things, and limits. */
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
  /** Deeper JSON is refused, in events and in results. */
  MAX_JSON_DEPTH: 2048,
  /** A longer message of an error is cut. */
  MAX_MESSAGE_BYTES: 32 * 1024,
  /** Limits of a response of the Runtime API; Lambda's own limit of an event is 6 MiB. */
  MAX_HEAD_BYTES: 1024 ** 2,
  MAX_BODY_BYTES: 64 * 1024 ** 2,
  /** How long the Runtime API may pause in the middle of a response. */
  READ_TIMEOUT_SECONDS: 5,
} as const satisfies Constants;

/** Those constants whose names occur in a program. */
export function constantsUsedIn(program: string, constants: Constants): Constants {
  const words = new Set(program.match(/\b[A-Z][A-Z0-9_]*\b/g));
  return Object.fromEntries(Object.entries(constants).filter(([name]) => words.has(name)));
}

import type { CodeLocation } from './layer-registry.js';

/** The settings of a function. Undefined keeps what an existing function has, and gives a new one Lambda's default. */
export interface FunctionSettings {
  /** Required for a new function. */
  readonly handler: string | undefined;
  readonly runtime: string | undefined;
  readonly architecture: string | undefined;
  readonly role: string | undefined;
  readonly layers: readonly string[] | undefined;
  readonly memoryMb: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
}

/** A function as Lambda has it. */
export interface ExistingFunction extends FunctionSettings {
  readonly arn: string;
  readonly handler: string;
  readonly runtime: string;
  readonly architecture: string;
  readonly role: string;
  readonly layers: readonly string[];
  /** In base64. */
  readonly codeSha256: string;
}

/** The settings that a new function needs. */
export type NewFunctionSettings = FunctionSettings &
  Pick<ExistingFunction, 'handler' | 'runtime' | 'architecture' | 'role'>;

/** The result of an invocation. */
export interface RemoteOutcome {
  readonly status: number;
  readonly payload: Buffer;
  /** `Unhandled`; undefined for an invocation that went well. */
  readonly functionError: string | undefined;
  /** The last 4 KB of the log, which end with the line REPORT. */
  readonly logTail: string;
}

/** The functions of one region. Every method throws PublishError for what AWS refuses. */
export interface FunctionService {
  readonly region: string;
  /** Undefined when there is no such function. */
  find(name: string): Promise<ExistingFunction | undefined>;
  /** Creates a function, waiting while Lambda cannot use a new role yet. Returns its ARN. */
  create(name: string, settings: NewFunctionSettings, code: CodeLocation): Promise<string>;
  updateCode(name: string, architecture: string, code: CodeLocation): Promise<void>;
  updateSettings(name: string, settings: FunctionSettings): Promise<void>;
  /** Waits until the function can be invoked and its last change is done; five minutes at the most. */
  settled(name: string): Promise<void>;
  /** Creates the role, if there is none, with Lambda's trust policy, and lets it write logs. */
  ensureRole(name: string): Promise<{ readonly arn: string; readonly isNew: boolean }>;
  invoke(name: string, event: Uint8Array, clientContext: string | undefined): Promise<RemoteOutcome>;
}

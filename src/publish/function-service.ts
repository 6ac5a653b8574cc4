import type { CodeLocation } from './layer-registry.js';

/** What a function is made of. Undefined leaves a function that is there as it is, and a new one with Lambda's default. */
export interface FunctionSettings {
  readonly handler: string;
  readonly runtime: string | undefined;
  readonly architecture: string | undefined;
  readonly role: string | undefined;
  readonly layers: readonly string[] | undefined;
  readonly memoryMb: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
}

export interface ExistingFunction extends FunctionSettings {
  readonly arn: string;
  readonly runtime: string;
  readonly architecture: string;
  readonly role: string;
  readonly layers: readonly string[];
  /** In base64. */
  readonly codeSha256: string;
}

/** What an invocation came to. */
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
  /** Undefined for one that there is not. */
  find(name: string): Promise<ExistingFunction | undefined>;
  /** Waits while Lambda cannot use a role that is new; gives the function's ARN. */
  create(
    name: string,
    settings: FunctionSettings & Pick<ExistingFunction, 'runtime' | 'architecture' | 'role'>,
    code: CodeLocation,
  ): Promise<string>;
  updateCode(name: string, architecture: string, code: CodeLocation): Promise<void>;
  updateSettings(name: string, settings: FunctionSettings): Promise<void>;
  /** Waits until the function can be invoked and its last change is done; five minutes at the most. */
  settled(name: string): Promise<void>;
  /** The ARN of the role, which is made with Lambda's trust policy and the right to write logs if there is none. */
  ensureRole(name: string): Promise<{ readonly arn: string; readonly isNew: boolean }>;
  invoke(name: string, event: Uint8Array, clientContext: string | undefined): Promise<RemoteOutcome>;
}

import type { CodeLocation } from './layer-registry.js';

/** The settings of a function. Undefined keeps an existing function's setting, and gives a new one Lambda's default. */
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

/** A function that exists on Lambda. */
export interface ExistingFunction extends FunctionSettings {
  readonly arn: string;
  readonly handler: string;
  readonly runtime: string;
  readonly architecture: string;
  readonly role: string;
  readonly layers: readonly string[];
  /** The sha256 of the zip, in base64. */
  readonly codeSha256: string;
}

/** The settings that a new function needs. */
export type NewFunctionSettings = FunctionSettings &
  Pick<ExistingFunction, 'handler' | 'runtime' | 'architecture' | 'role'>;

/** The result of an invocation. */
export interface RemoteOutcome {
  readonly status: number;
  readonly payload: Buffer;
  /** `Unhandled`. Undefined if the invocation succeeded. */
  readonly functionError: string | undefined;
  /** The last 4 KB of the log, which end with the REPORT line. */
  readonly logTail: string;
}

/** The functions of one region. Every method throws PublishError if AWS refuses a call. */
export interface FunctionService {
  readonly region: string;
  /** Returns a function. Undefined if it does not exist. */
  find(name: string): Promise<ExistingFunction | undefined>;
  /** Creates a function and waits until Lambda can use a new role. Returns its ARN. */
  create(name: string, settings: NewFunctionSettings, code: CodeLocation): Promise<string>;
  updateCode(name: string, architecture: string, code: CodeLocation): Promise<void>;
  updateSettings(name: string, settings: FunctionSettings): Promise<void>;
  /**
   * Returns the architectures of a layer version, by its ARN, as its publisher named them: empty if none is named, undefined if
   * the version was deleted.
   */
  layerArchitectures(arn: string): Promise<readonly string[] | undefined>;
  /** Waits at most five minutes until the function can be invoked and its last update is complete. */
  settled(name: string): Promise<void>;
  /** Creates the role if it does not exist, with Lambda's trust policy, and allows it to write logs. */
  ensureRole(name: string): Promise<{ readonly arn: string; readonly isNew: boolean }>;
  invoke(name: string, event: Uint8Array, clientContext: string | undefined): Promise<RemoteOutcome>;
}

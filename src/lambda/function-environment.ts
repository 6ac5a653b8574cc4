import { BOOTSTRAP_PATH, TASK_ROOT } from '../platform/sandbox-layout.js';

/** The port on the container's loopback at which the relay listens for the Runtime API. */
export const RUNTIME_API_PORT = 9001;

/** How long Lambda lets a bootstrap take until it asks for its first event (facts §1). */
export const INIT_TIMEOUT_MS = 10_000;

export interface FunctionEnvironmentOptions {
  readonly handler: string;
  readonly functionName: string;
  readonly memoryMb: number;
  readonly region: string;
  /** The function's own variables; they do not replace those that Lambda reserves. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The environment that Lambda gives to the bootstrap of a `provided.*` runtime (facts §1). */
export function functionEnvironment(options: FunctionEnvironmentOptions): Readonly<Record<string, string>> {
  return {
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    PATH: '/usr/local/bin:/usr/bin/:/bin:/opt/bin',
    LD_LIBRARY_PATH:
      '/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib',
    ...options.env,
    _HANDLER: options.handler,
    LAMBDA_TASK_ROOT: TASK_ROOT,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${RUNTIME_API_PORT}`,
    AWS_LAMBDA_FUNCTION_NAME: options.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(options.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${options.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'layersmith',
    AWS_REGION: options.region,
    AWS_DEFAULT_REGION: options.region,
  };
}

/** The command of a container that runs the bootstrap behind the relay, which lies at `relayPath`. */
export function relayCommand(relayPath: string): readonly string[] {
  return [relayPath, String(RUNTIME_API_PORT), BOOTSTRAP_PATH];
}

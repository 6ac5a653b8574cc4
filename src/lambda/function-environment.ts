import { BOOTSTRAP_PATH, TASK_ROOT } from '../platform/sandbox-layout.js';

/** The port of the Runtime API on the container's loopback, where the relay listens. */
export const RUNTIME_API_PORT = 9001;

/** How long a bootstrap may take on Lambda until it asks for its first event. */
export const INIT_TIMEOUT_MS = 10_000;

/** What the environment of a function depends on. */
export interface FunctionEnvironmentOptions {
  readonly handler: string;
  readonly functionName: string;
  readonly memoryMb: number;
  readonly region: string;
  /** The function's own variables. They do not override those that Lambda reserves. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Returns the environment of a bootstrap on Lambda in a `provided.*` runtime. */
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

/** Returns the command of a container that runs the bootstrap behind the relay at `relayPath`. */
export function relayCommand(relayPath: string): readonly string[] {
  return [relayPath, String(RUNTIME_API_PORT), BOOTSTRAP_PATH];
}

/** Where a layer's files are: the merged content of all layers. */
export const OPT = '/opt';
/** Where the function's code is. */
export const TASK_ROOT = '/var/task';
/** Where the bootstrap is expected. */
export const BOOTSTRAP_PATH = '/opt/bootstrap';
/** The only path that a function can write to. */
export const TMP = '/tmp';
/** Where layersmith's own programs are in a container (the relay, Composer, the opcode compiler). Lambda has no such path. */
export const HELPER_FOLDER = '/var/layersmith';
/** The relay program in a container. */
export const RELAY_PATH = `${HELPER_FOLDER}/relay`;

/** The user and group that functions and programs on a layer run as. Lambda's has an id like these; it is not root. */
export const FUNCTION_UID = 993;
const FUNCTION_GID = 990;
export const FUNCTION_USER = `${FUNCTION_UID}:${FUNCTION_GID}`;
/** The user and group that compile a stage: not root, and unknown to the toolchain image. */
export const BUILDER_UID = 1000;
/** The user and group `nobody`, as which images are read. */
export const READER_USER = '65534:65534';

/** The process limit of functions and programs, as Lambda's. */
export const FUNCTION_PIDS = 1024;
/** The process limit of a stage: enough for `make` with many jobs, and still a bound on a fork bomb. */
export const BUILDER_PIDS = 4096;

/** The region that local functions see. */
export const LOCAL_REGION = 'us-east-1';
/** The account in the ARN of local functions: the one that AWS's documentation uses. */
const LOCAL_ACCOUNT = '123456789012';

/** The ARN of a function that runs locally. */
export function localFunctionArn(name: string): string {
  return `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`;
}

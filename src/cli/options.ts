import { FUNCTION_MEMORY_MB, FUNCTION_TIMEOUT_SECONDS } from '../core/lambda-limits.js';
import { ARCHITECTURES } from '../platform/platform.js';
import { TOOLCHAIN_KINDS } from '../toolchain/toolchain.js';

/** `--store`. */
export const storeOption = {
  store: {
    type: 'string',
    requiresArg: true,
    describe: 'Folder of the store [default: $XDG_CACHE_HOME/layersmith]',
  },
} as const;

/** The flags of commands that read a shared store. */
export const sharedStoreOptions = {
  'shared-store': {
    type: 'string',
    requiresArg: true,
    describe: "Store that machines share: s3://BUCKET/PREFIX, a folder, or none [default: the project's]",
  },
  'require-signatures': {
    type: 'boolean',
    default: false,
    describe: 'Fail if a record in the shared store is not signed by a trusted key',
  },
} as const;

/** The flags of commands that write into a shared store. */
export const shareOptions = {
  share: { type: 'boolean', default: false, describe: 'Put what was built into the shared store' },
  'signing-key': {
    type: 'string',
    requiresArg: true,
    describe: 'File of the private key that signs what is shared [default: $LAYERSMITH_SIGNING_KEY]',
  },
} as const;

/** `--recipes`. */
export const recipesOption = {
  recipes: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: 'Folder of recipes that override the built-in ones; repeatable',
  },
} as const;

/** `--offline`. */
export const offlineOption = {
  offline: { type: 'boolean', default: false, describe: 'Do not use the network' },
} as const;

/** The flags for sources: where their files are found. */
export const sourceOptions = {
  sources: {
    type: 'string',
    requiresArg: true,
    describe: 'Folder with source files; they are found by sha256, not by name',
  },
  ...offlineOption,
} as const;

/** The flags for the platform and the toolchain. */
export const platformOptions = {
  platform: {
    type: 'string',
    requiresArg: true,
    default: 'provided.al2023',
    describe: 'Lambda runtime that the layer is for',
  },
  arch: { choices: ARCHITECTURES, requiresArg: true, default: 'x86_64', describe: 'Architecture' },
  toolchain: {
    choices: TOOLCHAIN_KINDS,
    requiresArg: true,
    describe: 'Use this toolchain [default: as locked, else Amazon Linux if its registry answers]',
  },
  registry: {
    type: 'string',
    requiresArg: true,
    describe: "Pull images from this registry instead of Amazon's, for example 127.0.0.1:5000",
  },
} as const;

/** Replaces `platformOptions` in commands that take layers of layersmith.yaml or recipes. */
export const platformsOfLayersOptions = {
  platform: {
    type: 'string',
    requiresArg: true,
    describe: "Lambda runtime that the layer is for [default: the definition's, or provided.al2023]",
  },
  arch: {
    choices: ARCHITECTURES,
    requiresArg: true,
    array: true,
    describe: "Architecture; repeatable, for one layer each [default: the definition's, or x86_64]",
  },
} as const;

/** The positional of commands that take any number of layers. */
export const targetsPositional = {
  type: 'string',
  array: true,
  default: [] as string[],
  describe: 'Layers of layersmith.yaml, or recipes [default: all layers of the file, or php/8.4]',
} as const;

/** `--with`. */
export const withOption = {
  with: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: 'Extensions to add to a recipe, separated by commas; repeatable',
  },
} as const;

/** Replaces `platformOptions` in commands that take a layer's zip. */
export const platformOfLayerOptions = {
  platform: {
    type: 'string',
    requiresArg: true,
    describe: "Lambda runtime [default: the manifest's, or provided.al2023]",
  },
  arch: {
    choices: ARCHITECTURES,
    requiresArg: true,
    describe: "Architecture [default: the manifest's, or x86_64]",
  },
} as const;

/** The flags of `invoke` and `serve` that describe the function. */
export const functionOptions = {
  function: {
    type: 'string',
    requiresArg: true,
    demandOption: true,
    describe: "The function's folder or zip, mounted at /var/task",
  },
  handler: {
    type: 'string',
    requiresArg: true,
    demandOption: true,
    describe: "Handler name, as in Lambda's configuration: hello is src/hello.php",
  },
  env: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: 'Environment variable of the function, NAME=VALUE; repeatable',
  },
  timeout: {
    type: 'number',
    requiresArg: true,
    default: 3,
    describe: `Time limit of an invocation in seconds, up to ${FUNCTION_TIMEOUT_SECONDS.most}`,
  },
  memory: {
    type: 'number',
    requiresArg: true,
    default: 128,
    describe: `Memory of the function in MiB, from ${FUNCTION_MEMORY_MB.least} to ${FUNCTION_MEMORY_MB.most}`,
  },
} as const;

/** The flags that limit stages. */
export const stageOptions = {
  jobs: {
    type: 'number',
    requiresArg: true,
    describe: "Parallel make jobs, shared by the stages that run at once [default: the engine's cores]",
  },
  'stage-timeout': {
    type: 'string',
    requiresArg: true,
    describe: 'Time limit of each stage: 45m, 3h [default: 3h]',
  },
  memory: {
    type: 'number',
    requiresArg: true,
    describe:
      "Memory limit of each stage in MiB [default: the engine's memory, divided by the stages at once]",
  },
  'keep-container': {
    type: 'boolean',
    default: false,
    describe: 'Keep the container of a stage that fails',
  },
} as const;

/** `--test-engine`. */
export const testEngineOption = {
  'test-engine': {
    type: 'string',
    requiresArg: true,
    describe: 'Engine that runs the layer, by its address as in DOCKER_HOST [default: the one that answers]',
  },
} as const;

/** `--locked`. */
export const lockedOption = {
  locked: {
    type: 'boolean',
    default: false,
    describe: 'Fail if the toolchain or a release is not the one in layersmith.lock',
  },
} as const;

/** The flags that select AWS credentials and endpoint. Without them the SDK's default chain decides. */
export const awsOptions = {
  profile: {
    type: 'string',
    requiresArg: true,
    describe: 'Profile of ~/.aws/config [default: $AWS_PROFILE, or the credentials of the environment]',
  },
  'endpoint-url': {
    type: 'string',
    requiresArg: true,
    describe: 'Send requests here instead of to AWS [default: $AWS_ENDPOINT_URL]',
  },
} as const;

/** `--region`, for commands that work in one region. */
export const regionOption = {
  region: {
    type: 'string',
    requiresArg: true,
    describe: "Region [default: $AWS_REGION, or the profile's]",
  },
} as const;

/** `--region`, for commands that work in several regions. */
export const regionsOption = {
  region: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: "Region; repeatable [default: $AWS_REGION, or the profile's]",
  },
} as const;

/** `--s3-bucket`. */
export const bucketOption = {
  's3-bucket': {
    type: 'string',
    requiresArg: true,
    describe: 'Upload the zip through this bucket, required over 50 MB; {region} is replaced by the region',
  },
} as const;

/** `--json`. */
export const jsonOption = {
  json: { type: 'boolean', default: false, describe: 'Print the result as one JSON object' },
} as const;

import { ARCHITECTURES } from '../platform/platform.js';
import { TOOLCHAIN_KINDS } from '../toolchain/toolchain.js';

/** Flags that several commands share, each defined once. */
export const storeOption = {
  store: {
    type: 'string',
    requiresArg: true,
    describe: 'Folder of the store [default: $XDG_CACHE_HOME/layersmith]',
  },
} as const;

export const recipesOption = {
  recipes: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: 'A folder of recipes that come before the built-in ones; repeatable',
  },
} as const;

export const offlineOption = {
  offline: { type: 'boolean', default: false, describe: 'Never touch the network' },
} as const;

export const sourceOptions = {
  sources: { type: 'string', requiresArg: true, describe: 'A folder whose files are taken by their sha256' },
  ...offlineOption,
} as const;

export const platformOptions = {
  platform: {
    type: 'string',
    requiresArg: true,
    default: 'provided.al2023',
    describe: 'The Lambda runtime that the layer is for',
  },
  arch: { choices: ARCHITECTURES, requiresArg: true, default: 'x86_64', describe: 'The architecture' },
  toolchain: {
    choices: TOOLCHAIN_KINDS,
    requiresArg: true,
    describe: 'Force a toolchain [default: Amazon Linux if its registry answers]',
  },
  registry: {
    type: 'string',
    requiresArg: true,
    describe: "Take images from this registry instead of Amazon's: 127.0.0.1:5000",
  },
} as const;

/** In place of those of `platformOptions`, for commands that take a layer. */
export const platformOfLayerOptions = {
  platform: {
    type: 'string',
    requiresArg: true,
    describe: "The Lambda runtime [default: the manifest's, or provided.al2023]",
  },
  arch: {
    choices: ARCHITECTURES,
    requiresArg: true,
    describe: "The architecture [default: the manifest's, or x86_64]",
  },
} as const;

/** What `invoke` and `serve` are told about a function. */
export const functionOptions = {
  function: {
    type: 'string',
    requiresArg: true,
    demandOption: true,
    describe: 'Its folder, or its zip: what Lambda has at /var/task',
  },
  handler: {
    type: 'string',
    requiresArg: true,
    demandOption: true,
    describe: 'As Lambda is told it: hello is src/hello.php',
  },
  env: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: 'A variable of the function, NAME=VALUE; repeatable',
  },
  timeout: {
    type: 'number',
    requiresArg: true,
    default: 3,
    describe: 'How long an invocation may take, in seconds up to 900',
  },
  memory: {
    type: 'number',
    requiresArg: true,
    default: 128,
    describe: 'Its memory in MiB, from 128 to 10240',
  },
} as const;

export const stageOptions = {
  jobs: {
    type: 'number',
    requiresArg: true,
    describe: "Make jobs, shared by the stages that run at once [default: the engine's cores]",
  },
  'stage-timeout': {
    type: 'string',
    requiresArg: true,
    describe: 'Stop a stage that runs longer: 45m, 3h [default: 3h]',
  },
  memory: {
    type: 'number',
    requiresArg: true,
    describe: "Memory limit of each stage in MiB [default: the engine's, by the stages at once]",
  },
  'keep-container': {
    type: 'boolean',
    default: false,
    describe: 'Leave the container of a stage that fails',
  },
} as const;

export const lockedOption = {
  locked: {
    type: 'boolean',
    default: false,
    describe: 'Refuse a toolchain that is not the one of layersmith.lock',
  },
} as const;

/** How AWS is reached; what is not said here the SDK's own chain knows. */
export const awsOptions = {
  profile: {
    type: 'string',
    requiresArg: true,
    describe: 'A profile of ~/.aws/config [default: $AWS_PROFILE, or the credentials of the environment]',
  },
  'endpoint-url': {
    type: 'string',
    requiresArg: true,
    describe: "In place of AWS's own addresses [default: $AWS_ENDPOINT_URL]",
  },
} as const;

export const regionOption = {
  region: {
    type: 'string',
    requiresArg: true,
    describe: 'The region [default: $AWS_REGION, or that of the profile]',
  },
} as const;

export const regionsOption = {
  region: {
    type: 'string',
    requiresArg: true,
    array: true,
    default: [] as string[],
    describe: 'A region; repeatable [default: $AWS_REGION, or that of the profile]',
  },
} as const;

export const bucketOption = {
  's3-bucket': {
    type: 'string',
    requiresArg: true,
    describe: 'Send the zip through this bucket, as one over 50 MB must be; {region} stands for the region',
  },
} as const;

export const jsonOption = {
  json: { type: 'boolean', default: false, describe: 'Print the result as one JSON object' },
} as const;

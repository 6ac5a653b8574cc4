import { LayersmithError, PublishError } from '../core/errors.js';

/** Describes an AWS call for error messages. */
export interface AwsCall {
  /** `publish the layer php84 in eu-west-1`. */
  readonly doing: string;
  /** The IAM action that the call needs: `lambda:PublishLayerVersion`. */
  readonly action: string;
}

/** Returns AWS's name of an error, or the system's code of a broken connection. */
export function awsErrorName(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const code: unknown = 'code' in error ? error.code : undefined;
  // Errors of S3's HEAD requests have no body and therefore no name.
  return error.name === 'Error' && typeof code === 'string' ? code : error.name;
}

/** Returns the HTTP status of an error. Undefined if there was no response. */
export function awsStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Whether the call was throttled, and therefore not executed. */
export function isThrottled(error: unknown): boolean {
  const name = awsErrorName(error);
  return awsStatus(error) === 429 || /^(TooManyRequests|Throttl|RequestLimitExceeded|SlowDown)/.test(name);
}

/** Whether the service failed or the connection broke. The call may or may not have been executed. */
export function isTransient(error: unknown): boolean {
  const status = awsStatus(error);
  if (status !== undefined) return status >= 500;
  return BROKEN_CONNECTION.test(awsErrorName(error)) || messageOf(error) === 'socket hang up';
}

const BROKEN_CONNECTION =
  /^(ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|EAI_AGAIN|TimeoutError|NetworkingError)$/;

/** Explanations and hints for errors whose own message is not clear enough. */
const MEANINGS: readonly {
  readonly names: RegExp;
  readonly message?: string;
  readonly hint: string;
}[] = [
  {
    names: /^CredentialsProviderError$/,
    message: 'no AWS credentials found',
    hint: 'Set AWS_PROFILE or AWS_ACCESS_KEY_ID, run `aws sso login` or `aws configure`, or name a profile with --profile.',
  },
  {
    names:
      /^(UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|InvalidAccessKeyId|AuthFailure)/,
    message: 'AWS does not know these credentials',
    hint: 'Check which credentials are used, and that the region is enabled: opt-in regions must be enabled first.',
  },
  {
    names: /^(ExpiredToken|TokenRefreshRequired|RequestExpired)/,
    message: 'the AWS credentials have expired',
    hint: 'Get new ones, for example with `aws sso login`.',
  },
  {
    names: /^CodeStorageExceeded/,
    message: 'the quota of the region for functions and layers is used up (75 GB by default)',
    hint: 'Delete old versions with `layersmith prune`, or raise the quota L-2ACBD22F of Lambda.',
  },
  {
    names: /^RequestEntityTooLarge/,
    message: 'the zip is too large for a direct upload',
    hint: 'Upload it through S3: name a bucket of the region with --s3-bucket.',
  },
  {
    names: /^PolicyLengthExceeded/,
    message: 'the quota for permissions of one layer version is used up (20 KB)',
    hint: 'Share it with the organization (--organization) instead of with each account.',
  },
  {
    names: /^LimitExceeded/,
    hint: 'Raise that quota in the Service Quotas console, or delete what is no longer used; a role can have 10 managed policies by default.',
  },
  { names: /^NoSuchBucket/, hint: 'Create the bucket, or name another one with --s3-bucket.' },
  {
    names: /^(PermanentRedirect|BucketRegionError|IllegalLocationConstraint)/,
    message: 'the bucket is in another region',
    hint: 'Lambda needs a bucket in its own region: for several regions, use {region} in the name for --s3-bucket.',
  },
  { names: /^(ENOTFOUND|ECONNREFUSED|EAI_AGAIN)$/, hint: 'Check the network, --region and --endpoint-url.' },
];

/** Translates an AWS error into one line and a hint, such as the IAM action or quota that is missing. Never includes a secret. */
export function translateAwsError(error: unknown, { doing, action }: AwsCall): Error {
  if (error instanceof LayersmithError || !(error instanceof Error) || error.name === 'AbortError')
    return error instanceof Error ? error : new Error(String(error));
  const name = awsErrorName(error);
  const said = redacted(oneLine(error.message));
  const fail = (why: string, hint: string): PublishError =>
    new PublishError(`cannot ${doing}: ${why}`, { hint, cause: error });
  if (error.message === 'Region is missing')
    return fail('no region given', 'Name it with --region, or set AWS_REGION.');
  const meaning = MEANINGS.find(({ names }) => names.test(name));
  if (meaning !== undefined) return fail(meaning.message ?? said, meaning.hint);
  if (/^(AccessDenied|Forbidden|UnauthorizedOperation)/.test(name) || awsStatus(error) === 403) {
    const needed = /not authorized to perform: ([\w-]+:\w+)/.exec(said)?.[1] ?? action;
    const hint = `Allow ${needed} in a policy of the user or role that runs this command. AWS says: ${said}`;
    return fail(`the IAM action ${needed} is not allowed`, hint);
  }
  if (isThrottled(error))
    return fail(
      'AWS still throttles these calls after several attempts',
      'Run the command again later. Completed steps are kept.',
    );
  if (isTransient(error))
    return fail(
      `AWS failed to answer (${name}: ${said})`,
      'Run the command again. Completed steps are kept.',
    );
  return fail(`${name}: ${said}`, 'Check the flags and the settings of the AWS account.');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}

/** Redacts access key ids: they are not secret, but do not belong in a log. */
function redacted(text: string): string {
  return text.replace(/\b(AKIA|ASIA)[A-Z0-9]{8,}/g, '$1…').replace(/(Credential=)[^\s,/]+/g, '$1…');
}

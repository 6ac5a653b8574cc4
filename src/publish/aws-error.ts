import { LayersmithError, PublishError } from '../core/errors.js';

/** A call, for its error. */
export interface AwsCall {
  /** `publish the layer php84 in eu-west-1`. */
  readonly doing: string;
  /** The IAM action that it needs: `lambda:PublishLayerVersion`. */
  readonly action: string;
}

/** The name that AWS gives an error, or the system a broken connection. */
export function awsErrorName(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const code: unknown = 'code' in error ? error.code : undefined;
  // An error of S3's HEAD requests has no body to take a name from.
  return error.name === 'Error' && typeof code === 'string' ? code : error.name;
}

/** Undefined when no answer came at all. */
export function awsStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Refused for the number of calls: it was not done. */
export function isThrottled(error: unknown): boolean {
  const name = awsErrorName(error);
  return awsStatus(error) === 429 || /^(TooManyRequests|Throttl|RequestLimitExceeded|SlowDown)/.test(name);
}

/** The service failed, or the connection broke: it may or may not be done. */
export function isTransient(error: unknown): boolean {
  const status = awsStatus(error);
  if (status !== undefined) return status >= 500;
  return BROKEN_CONNECTION.test(awsErrorName(error)) || messageOf(error) === 'socket hang up';
}

const BROKEN_CONNECTION =
  /^(ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|EAI_AGAIN|TimeoutError|NetworkingError)$/;

/** What a name means, and what to do: where the answer's own words do not say it. */
const MEANINGS: readonly {
  readonly names: RegExp;
  readonly message?: string;
  readonly hint: string;
}[] = [
  {
    names: /^CredentialsProviderError$/,
    message: 'there are no AWS credentials',
    hint: 'Set AWS_PROFILE or AWS_ACCESS_KEY_ID, run `aws sso login` or `aws configure`, or name a profile with --profile.',
  },
  {
    names:
      /^(UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|InvalidAccessKeyId|AuthFailure)/,
    message: 'AWS does not know these credentials',
    hint: 'Check which ones are used, and that they are for this region: opt-in regions have to be turned on.',
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
    message: 'the zip is too large to be sent directly',
    hint: 'Send it through S3: name a bucket of the region with --s3-bucket.',
  },
  {
    names: /^PolicyLengthExceeded/,
    message: 'the quota for permissions of one layer version is used up (20 KB)',
    hint: 'Share it with the organization (--organization) instead of with each account.',
  },
  {
    names: /^LimitExceeded/,
    hint: 'Raise that quota in the Service Quotas console, or delete what is not used any more; a role may have 10 managed policies by default.',
  },
  { names: /^NoSuchBucket/, hint: 'Create the bucket, or name another one with --s3-bucket.' },
  {
    names: /^(PermanentRedirect|BucketRegionError|IllegalLocationConstraint)/,
    message: 'the bucket is in another region',
    hint: 'Lambda wants a bucket of its own region: with several, --s3-bucket may have {region} in its name.',
  },
  { names: /^(ENOTFOUND|ECONNREFUSED|EAI_AGAIN)$/, hint: 'Check the network, --region and --endpoint-url.' },
];

/** One line and what to do about it: the IAM action, the quota, or what else is missing. Never a secret. */
export function translateAwsError(error: unknown, { doing, action }: AwsCall): Error {
  if (error instanceof LayersmithError || !(error instanceof Error) || error.name === 'AbortError')
    return error instanceof Error ? error : new Error(String(error));
  const name = awsErrorName(error);
  const said = redacted(oneLine(error.message));
  const fail = (why: string, hint: string): PublishError =>
    new PublishError(`cannot ${doing}: ${why}`, { hint, cause: error });
  if (error.message === 'Region is missing')
    return fail('there is no region', 'Name it with --region, or set AWS_REGION.');
  const meaning = MEANINGS.find(({ names }) => names.test(name));
  if (meaning !== undefined) return fail(meaning.message ?? said, meaning.hint);
  if (/^(AccessDenied|Forbidden|UnauthorizedOperation)/.test(name) || awsStatus(error) === 403) {
    const needed = /not authorized to perform: ([\w-]+:\w+)/.exec(said)?.[1] ?? action;
    const hint = `Allow ${needed} in a policy of who runs this. AWS says: ${said}`;
    return fail(`the IAM action ${needed} is not allowed`, hint);
  }
  if (isThrottled(error))
    return fail(
      'AWS throttles these calls, also after some waiting',
      'Run it again later: what is done stays done.',
    );
  if (isTransient(error))
    return fail(
      `AWS does not answer as it should (${name}: ${said})`,
      'Run it again: what is done stays done.',
    );
  return fail(
    `${name}: ${said}`,
    'This is the answer of AWS: check the flags and the settings of the account.',
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}

/** An access key's id is no secret, but has no place in a log either. */
function redacted(text: string): string {
  return text.replace(/\b(AKIA|ASIA)[A-Z0-9]{8,}/g, '$1…').replace(/(Credential=)[^\s,/]+/g, '$1…');
}

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  DescribeSigningJobCommand,
  GetSigningProfileCommand,
  StartSigningJobCommand,
  type SignerClient,
} from '@aws-sdk/client-signer';
import { PublishError, UsageError } from '../core/errors.js';
import type { ZipFile } from '../tree/zip-file.js';
import { translateAwsError, type AwsCall } from './aws-error.js';
import type { CodeLocation } from './layer-registry.js';

/** The platform of profiles that sign code for Lambda (https://docs.aws.amazon.com/signer/latest/developerguide/lambda-workflow.html). */
const LAMBDA_PLATFORM = 'AWSLambda-SHA384-ECDSA';
/** A job takes a few seconds. */
const POLL_MS = 2_000;
const LIMIT_MS = 10 * 60_000;

/** What signing needs. */
export interface SignOptions {
  readonly signer: SignerClient;
  readonly s3: S3Client;
  /** The name of a signing profile of the region. */
  readonly profile: string;
  readonly region: string;
  readonly signal: AbortSignal;
  /** For tests: replaces `POLL_MS`. */
  readonly pollMs?: number;
}

/**
 * Has AWS Signer sign a zip in a bucket, and returns the signed object, which has other bytes: its digest is returned too. Throws
 * UsageError if the profile is not for Lambda or the bucket has no versions, PublishError if AWS refuses a call or the job fails.
 */
export async function signCode(
  zip: ZipFile,
  unsigned: CodeLocation & { readonly kind: 's3' },
  options: SignOptions,
): Promise<CodeLocation> {
  const { signer, s3, profile, region, signal } = options;
  const call = async <T>(what: AwsCall, send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
    } catch (error) {
      signal.throwIfAborted();
      throw translateAwsError(error, what);
    }
  };
  const abort = { abortSignal: signal };
  const { bucket, key } = unsigned;
  const found = await call(
    {
      doing: `look at the signing profile ${profile} in ${region}`,
      action: 'signer:GetSigningProfile',
    },
    () => signer.send(new GetSigningProfileCommand({ profileName: profile }), abort),
  );
  if (found.platformId !== LAMBDA_PLATFORM || (found.status ?? 'Active') !== 'Active') {
    throw new UsageError(
      `--signing-profile: ${profile} in ${region} is ${found.status ?? 'Active'}, for ${found.platformId ?? 'no platform'}`,
      { hint: `Use an active profile for ${LAMBDA_PLATFORM}.` },
    );
  }
  const head = await call({ doing: `look at ${key} in the bucket ${bucket}`, action: 's3:GetObject' }, () =>
    s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), abort),
  );
  const version = head.VersionId;
  if (version === undefined || version === 'null') {
    throw new UsageError(`--signing-profile: the bucket ${bucket} does not keep versions`, {
      hint: 'Turn on its versioning: AWS Signer signs a version of an object.',
    });
  }
  const signing = {
    doing: `sign ${zip.path} with ${profile} in ${region}`,
    action: 'signer:StartSigningJob',
  };
  const { jobId } = await call(signing, () =>
    signer.send(
      new StartSigningJobCommand({
        profileName: profile,
        source: { s3: { bucketName: bucket, key, version } },
        destination: { s3: { bucketName: bucket, prefix: 'layersmith/signed/' } },
      }),
      abort,
    ),
  );
  const signed = await jobResult({ ...options, jobId, call });
  const sha256 = await call(
    { doing: `read ${signed.key} in the bucket ${signed.bucket}`, action: 's3:GetObject' },
    () => digestOf(signed, { s3, signal }),
  );
  return { kind: 's3', ...signed, sha256 };
}

/** Waits for the end of a job. Returns where the signed object is. */
async function jobResult({
  jobId,
  call,
  signer,
  region,
  signal,
  pollMs = POLL_MS,
}: SignOptions & {
  readonly jobId: string | undefined;
  readonly call: <T>(what: AwsCall, send: () => Promise<T>) => Promise<T>;
}): Promise<{ readonly bucket: string; readonly key: string }> {
  const what = {
    doing: `ask for the signing job ${jobId ?? ''} in ${region}`,
    action: 'signer:DescribeSigningJob',
  };
  const limit = performance.now() + LIMIT_MS;
  for (;;) {
    const job = await call(what, () =>
      signer.send(new DescribeSigningJobCommand({ jobId }), { abortSignal: signal }),
    );
    if (job.status === 'Succeeded') {
      const { bucketName: bucket, key } = job.signedObject?.s3 ?? {};
      if (bucket !== undefined && key !== undefined) return { bucket, key };
    }
    if (job.status !== 'InProgress' || performance.now() > limit) {
      throw new PublishError(`the signing job ${jobId ?? ''} in ${region} is ${job.status ?? 'lost'}`, {
        details: job.statusReason === undefined ? {} : { reason: job.statusReason },
        hint: 'Look at the job in AWS Signer, and run the command again.',
      });
    }
    await sleep(pollMs, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
  }
}

async function digestOf(
  { bucket, key }: { readonly bucket: string; readonly key: string },
  { s3, signal }: { readonly s3: S3Client; readonly signal: AbortSignal },
): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
  const hash = createHash('sha256');
  if (Body !== undefined) await pipeline(Body as Readable, hash, { signal });
  return hash.digest('base64');
}

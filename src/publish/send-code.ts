import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { UsageError } from '../core/errors.js';
import { MAX_DIRECT_ZIP_BYTES } from '../core/lambda-limits.js';
import { awsErrorName, translateAwsError } from './aws-error.js';
import type { ZipFile } from '../tree/zip-file.js';
import type { CodeLocation } from './layer-registry.js';

/**
 * Returns the location of a zip for Lambda: up to 50 MB the request itself, else an object in the bucket. The object is named by
 * its digest and uploaded unless it exists. Throws UsageError for a large zip without a bucket, PublishError if S3 refuses.
 */
export async function sendCode(
  zip: ZipFile,
  {
    s3,
    bucket,
    signal,
  }: { readonly s3: S3Client; readonly bucket: string | undefined; readonly signal: AbortSignal },
): Promise<CodeLocation> {
  if (bucket === undefined) {
    if (zip.sizeBytes <= MAX_DIRECT_ZIP_BYTES) return { kind: 'direct', bytes: await readFile(zip.path) };
    throw new UsageError(
      `${zip.path} has ${zip.sizeBytes} bytes: Lambda accepts more than ${MAX_DIRECT_ZIP_BYTES} only through S3`,
      {
        hint: 'Name a bucket of the region with --s3-bucket; for several regions, use {region} in its name.',
      },
    );
  }
  const key = `layersmith/${zip.sha256}.zip`;
  if ((await sizeOf({ s3, bucket, key, signal })) !== zip.sizeBytes)
    await upload(zip, { s3, bucket, key, signal });
  return { kind: 's3', bucket, key };
}

interface Place {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly key: string;
  readonly signal: AbortSignal;
}

async function sizeOf({ s3, bucket, key, signal }: Place): Promise<number | undefined> {
  try {
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    return head.ContentLength;
  } catch (error) {
    // S3 answers 403 for a missing object if the bucket may not be listed. The upload then reports more.
    if (['NotFound', 'NoSuchKey', '403', 'Forbidden', 'AccessDenied'].includes(awsErrorName(error)))
      return undefined;
    throw translateAwsError(error, { doing: `look into the bucket ${bucket}`, action: 's3:GetObject' });
  }
}

async function upload(zip: ZipFile, { s3, bucket, key, signal }: Place): Promise<void> {
  signal.throwIfAborted();
  const sending = new Upload({
    client: s3,
    params: { Bucket: bucket, Key: key, Body: createReadStream(zip.path), ContentType: 'application/zip' },
  });
  const stop = (): void => void sending.abort();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await sending.done();
  } catch (error) {
    signal.throwIfAborted();
    throw translateAwsError(error, {
      doing: `send ${zip.path} to the bucket ${bucket}`,
      action: 's3:PutObject',
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

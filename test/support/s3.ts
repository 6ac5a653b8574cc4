import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { vi } from 'vitest';
import type { ObjectStore } from '../../src/store/object-store.js';
import { s3Objects } from '../../src/store/s3-objects.js';
import { TEST_CREDENTIALS } from './moto.js';

/** The bucket of the tests. */
export const BUCKET = 'acme-layers';

/** Creates the bucket on a server that checks no signature. */
export async function createBucket(url: string): Promise<void> {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request(new URL(`/${BUCKET}`, url), { method: 'PUT' }, (answer) => {
      answer.resume().on('end', () => {
        resolve(answer.statusCode);
      });
    })
      .on('error', reject)
      .end();
  });
  if (status !== 200) throw new Error(`the bucket was not created: ${status ?? ''}`);
}

/** Lets the SDK find its server and credentials in the environment, until `vi.unstubAllEnvs()`. */
export function useS3(url: string): void {
  for (const [name, value] of Object.entries(TEST_CREDENTIALS)) vi.stubEnv(name, value);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', url);
  for (const name of ['AWS_PROFILE', 'AWS_REGION', 'AWS_DEFAULT_REGION']) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
}

/** Opens the bucket, with names that nobody else uses unless a prefix is given. */
export function openBucket({
  prefix = `tests/${randomBytes(8).toString('hex')}`,
  patienceMs = 10_000,
}: { readonly prefix?: string; readonly patienceMs?: number } = {}): Promise<ObjectStore> {
  return s3Objects({ bucket: BUCKET, prefix, isStandIn: true, patienceMs });
}

/** The bucket as somebody with all rights sees it. */
export interface Bucket {
  /** The names that have this part. */
  names(part: string): Promise<readonly string[]>;
  text(name: string): Promise<string>;
  /** Writes over what is there. */
  replace(name: string, content: string): Promise<void>;
}

/** Opens the bucket with all rights. */
export function ownBucket(endpoint: string): Bucket {
  const credentials = {
    accessKeyId: TEST_CREDENTIALS.AWS_ACCESS_KEY_ID,
    secretAccessKey: TEST_CREDENTIALS.AWS_SECRET_ACCESS_KEY,
  };
  const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  const at = (name: string): { Bucket: string; Key: string } => ({ Bucket: BUCKET, Key: name });
  return {
    async names(part) {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
      return Contents.flatMap(({ Key = '' }) => (Key.includes(part) ? [Key] : []));
    },
    async text(name) {
      const { Body } = await s3.send(new GetObjectCommand(at(name)));
      if (Body === undefined) throw new Error(`${name} is empty`);
      return Body.transformToString();
    },
    async replace(name, content) {
      await s3.send(new PutObjectCommand({ ...at(name), Body: content }));
    },
  };
}

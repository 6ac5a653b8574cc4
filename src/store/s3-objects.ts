import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { sha256 } from '../core/digest.js';
import { SharedStoreError } from '../core/errors.js';
import type { ObjectContent, ObjectStore } from './object-store.js';

/** Where a bucket is and how it is reached. The SDK's default chain finds the rest, above all credentials. */
export interface S3Place {
  readonly bucket: string;
  /** The first part of the names of all objects, without a slash at its end. May be empty. */
  readonly prefix: string;
  /** Whether requests go to another server than AWS's. The bucket is then part of the path, not of the host name. */
  readonly isStandIn: boolean;
  /** How long a server may be silent, in milliseconds. */
  readonly patienceMs?: number;
}

/** Short: a store that does not answer must not hold up a build. */
const PATIENCE_MS = 5_000;
/** Calls that failed on the way are made again, after these milliseconds. */
const DELAYS_MS = [100, 500];

const quiet = (): void => undefined;
const SILENT = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Opens a bucket of S3, or of a server with its API, as an object store. Calls nothing yet. */
export async function s3Objects(place: S3Place): Promise<ObjectStore> {
  const { bucket, prefix, isStandIn, patienceMs = PATIENCE_MS } = place;
  const name = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
  const settings = {
    forcePathStyle: isStandIn,
    // A bucket is found whatever its region.
    followRegionRedirects: true,
    // Calls are repeated here: the SDK does not repeat those whose body is a file, and says so on stderr.
    maxAttempts: 1,
    logger: SILENT,
    // The callers compare with digests of their own.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestChecksumCalculation: 'WHEN_REQUIRED',
  } as const;
  let s3 = new S3Client(settings);
  const hasRegion = await s3.config.region().then(
    () => true,
    () => false,
  );
  if (!hasRegion) s3 = new S3Client({ ...settings, region: 'us-east-1' });
  const at = (object: string): { Bucket: string; Key: string } => ({
    Bucket: bucket,
    Key: prefix === '' ? object : `${prefix}/${object}`,
  });

  /** Makes a call until it is answered, or fails for a reason that will not go away. */
  const call = async <T>(
    doing: string,
    signal: AbortSignal,
    attempt: (watch: Watch) => Promise<T>,
  ): Promise<T> => {
    for (let count = 0; ; count++) {
      const watch = startWatch(patienceMs, signal);
      try {
        return await attempt(watch);
      } catch (error) {
        signal.throwIfAborted();
        const delay = DELAYS_MS[count];
        if (delay === undefined || !isPassing(error)) throw failed(doing, watch.isLate() ? LATE : error);
        await sleep(delay, undefined, { signal });
      } finally {
        watch.stop();
      }
    }
  };

  const LATE = Object.assign(new Error(`no answer within ${patienceMs / 1000} s`), { name: 'TimeoutError' });

  const failed = (doing: string, error: unknown): SharedStoreError => {
    const { reason, isDenied, hint } = explain(error, doing);
    return new SharedStoreError(`${name}: ${reason}`, { isDenied, hint, cause: error });
  };

  return {
    name,
    read: (object, signal) =>
      call('s3:GetObject', signal, async (watch) => {
        try {
          const { Body } = await s3.send(new GetObjectCommand(at(object)), { abortSignal: watch.signal });
          // In Node.js the SDK's body is a Readable.
          if (!(Body instanceof Readable)) throw new Error('the answer has no body');
          return watched(Body, { patienceMs, failed: (error) => failed('s3:GetObject', error) });
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),
    exists: (object, signal) =>
      call('s3:GetObject', signal, async (watch) => {
        try {
          await s3.send(new HeadObjectCommand(at(object)), { abortSignal: watch.signal });
          return true;
        } catch (error) {
          if (isMissing(error)) return false;
          throw error;
        }
      }),
    create: (object, content, signal) =>
      call('s3:PutObject', signal, async (watch) => {
        try {
          const put = new PutObjectCommand({
            ...at(object),
            ...bodyOf(content, watch.touch),
            IfNoneMatch: '*',
          });
          await s3.send(put, { abortSignal: watch.signal });
          return true;
        } catch (error) {
          // Somebody else was quicker, or the answer to an earlier attempt was lost.
          if (statusOf(error) === 412) return false;
          throw error;
        }
      }),
  };
}

/** Returns the body of a request, its length, and the digest that the server compares it with. Calls `onProgress` while a file is sent. */
function bodyOf(
  content: ObjectContent,
  onProgress: () => void,
): { readonly Body: Uint8Array | Readable; readonly ContentLength: number; readonly ChecksumSHA256: string } {
  const digest = 'bytes' in content ? sha256(content.bytes) : content.sha256;
  const ChecksumSHA256 = Buffer.from(digest, 'hex').toString('base64');
  if ('bytes' in content) return { Body: content.bytes, ContentLength: content.bytes.length, ChecksumSHA256 };
  const Body = createReadStream(content.file, { highWaterMark: 1 << 16 });
  Body.on('data', onProgress).pause();
  return { Body, ContentLength: content.sizeBytes, ChecksumSHA256 };
}

/** Aborts a call that makes no progress for some time. */
interface Watch {
  readonly signal: AbortSignal;
  /** Reports progress. */
  readonly touch: () => void;
  readonly isLate: () => boolean;
  readonly stop: () => void;
}

function startWatch(patienceMs: number, signal: AbortSignal): Watch {
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error('no progress'));
  }, patienceMs);
  return {
    signal: AbortSignal.any([signal, late.signal]),
    touch: () => timer.refresh(),
    isLate: () => late.signal.aborted,
    stop: () => {
      clearTimeout(timer);
    },
  };
}

/** Returns a stream with the same bytes that ends with an error of the store if it breaks off or stalls. */
function watched(
  source: Readable,
  { patienceMs, failed }: { readonly patienceMs: number; readonly failed: (error: unknown) => Error },
): Readable {
  async function* chunks(): AsyncGenerator<Buffer, void> {
    const timer = setTimeout(() => {
      source.destroy(new Error(`no more bytes within ${patienceMs / 1000} s`));
    }, patienceMs);
    try {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        timer.refresh();
        yield chunk;
      }
    } catch (error) {
      throw failed(error);
    } finally {
      clearTimeout(timer);
      source.destroy();
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}

/** Returns the HTTP status of an error of the SDK. Undefined if there was no answer. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Returns the SDK's name of an error, or the system's code of a broken connection. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const code: unknown = 'code' in error ? error.code : undefined;
  return error.name === 'Error' && typeof code === 'string' ? code : error.name;
}

/** Reports whether there is no such object. A missing bucket is an error. */
function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket';
}

/** Reports whether the same call may succeed a moment later: a failure of the server, a race, or a broken connection. */
function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  // 409 ConditionalRequestConflict: another request for the same object was not over yet.
  if (status !== undefined) return status >= 500 || status === 409 || status === 429;
  return (
    /^(ECONNRESET|EPIPE)$/.test(nameOf(error)) ||
    (error instanceof Error && error.message === 'socket hang up')
  );
}

/** Returns why a call failed, in a few words. */
function explain(
  error: unknown,
  action: string,
): { readonly reason: string; readonly isDenied: boolean; readonly hint: string } {
  const name = nameOf(error);
  const status = statusOf(error);
  const said = (error instanceof Error ? error.message : String(error))
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
  if (name === 'CredentialsProviderError') {
    const hint = 'Set AWS_PROFILE or AWS_ACCESS_KEY_ID, run `aws sso login`, or in CI assume a role.';
    return { reason: 'no AWS credentials found', isDenied: false, hint };
  }
  if (status === 403) {
    const hint = `Allow ${action}, and s3:ListBucket so that S3 says what is missing, for the user or role that runs this command.`;
    return { reason: `${action} is not allowed (${name})`, isDenied: true, hint };
  }
  if (name === 'NoSuchBucket') {
    return { reason: 'there is no such bucket', isDenied: false, hint: 'Create it, or name another one.' };
  }
  const hint = 'Check the network, the region and AWS_ENDPOINT_URL_S3.';
  if (status !== undefined)
    return { reason: `it answers ${status} (${name}: ${said})`, isDenied: false, hint };
  return { reason: `it does not answer (${said === '' ? name : said})`, isDenied: false, hint };
}

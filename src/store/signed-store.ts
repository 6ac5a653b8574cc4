import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { isSha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { envelopeSchema, seal, unseal, type Envelope } from '../core/dsse.js';
import { IntegrityError, SharedStoreError, UsageError } from '../core/errors.js';
import { errorCodeOf, writingTo } from '../core/file-system.js';
import { scratchFile } from '../core/scratch.js';
import type { PublicKey, SigningKey } from '../core/signing-key.js';
import type { ArtifactRecord, ArtifactStore, SharedShelf } from './artifact-store.js';
import type { ObjectStore } from './object-store.js';

/** The version of the names and formats below. It is the first part of every object's name. */
const FORMAT = 'v1';
const PAYLOAD_TYPE = 'application/vnd.layersmith.store-record+json';
/** Records have a few kilobytes. */
const MAX_RECORD_BYTES = 1024 ** 2;
/** How often the bytes of an entry are read if they break off. */
const READS = 2;

const DAMAGE_HINT = 'Somebody or something has damaged the store: find out what, and delete the object.';

/** How bytes are packed: layers are compressed already. */
const PACKING = {
  artifacts: { ending: 'tar.gz', isPacked: true },
  stages: { ending: 'tar.gz', isPacked: true },
  layers: { ending: 'zip', isPacked: false },
} as const;

const recordSchema = z.object({
  schemaVersion: z.literal(1),
  shelf: z.enum(['artifacts', 'stages', 'layers']),
  key: z.string().refine(isSha256),
  name: z.string(),
  sha256: z.string().refine(isSha256),
  sizeBytes: z.number().int().nonnegative(),
  seconds: z.number(),
  facts: z.record(z.string(), z.string()),
});

/** Whose signatures count. */
export interface Trust {
  readonly trustedKeys: readonly PublicKey[];
  /** Signs what is kept. Its own signatures are trusted too. */
  readonly signingKey: SigningKey | undefined;
  /** Throw an error for a record that no trusted key signed. Otherwise it counts as missing. */
  readonly requireSignatures: boolean;
}

/** Opens a shared store whose entries are objects, with signed records. */
export function signedStore(
  objects: ObjectStore,
  options: Trust & {
    /** A folder for temporary files. */
    readonly tmpDir: string;
    readonly warn: (message: string) => void;
  },
): ArtifactStore {
  const { signingKey, requireSignatures, tmpDir, warn } = options;
  const keys = [...options.trustedKeys, ...(signingKey === undefined ? [] : [signingKey.publicKey])];
  let hasWarned = false;

  const readRecord = async (shelf: SharedShelf, key: Sha256, signal: AbortSignal): Promise<Seen> => {
    const content = await objects.read(recordName(shelf, key), signal);
    if (content === undefined) return { status: 'missing' };
    return openRecord(await textOf(content), { shelf, key, keys });
  };

  const packed = async <T>(
    shelf: SharedShelf,
    item: { readonly path: string; readonly sizeBytes: number; readonly sha256: Sha256 },
    use: (content: { file: string; sizeBytes: number; sha256: Sha256 }) => Promise<T>,
  ): Promise<T> => {
    const { path, sizeBytes, sha256 } = item;
    if (!PACKING[shelf].isPacked) return use({ file: path, sizeBytes, sha256 });
    await using file = scratchFile(tmpDir);
    await writingTo(tmpDir, () =>
      pipeline(createReadStream(path), createGzip(), createWriteStream(file.path)),
    );
    return await use({
      file: file.path,
      sizeBytes: (await stat(file.path)).size,
      sha256: await sha256OfFile(file.path),
    });
  };

  return {
    name: objects.name,
    async find(shelf, key, signal) {
      const seen = await readRecord(shelf, key, signal);
      if (seen.status === 'trusted') return seen.record;
      if (seen.status === 'missing') return undefined;
      const what = `${objects.name}/${recordName(shelf, key)} ${seen.reason}`;
      if (requireSignatures) {
        throw new IntegrityError(what, {
          hint: 'Find out who wrote it, and delete it; or add the key to `trustedKeys` in layersmith.yaml if you trust it.',
        });
      }
      if (!hasWarned) warn(`${what}: it and others like it count as missing`);
      hasWarned = true;
      return undefined;
    },
    async fetch(shelf, record, output, signal) {
      const name = blobName(shelf, record.sha256);
      for (let reads = 1; ; reads++) {
        const content = await objects.read(name, signal);
        if (content === undefined) return false;
        try {
          const actual = await unpack(content, {
            shelf,
            record,
            where: `${objects.name}/${name}`,
            output,
            signal,
          });
          if (actual === record.sha256) return true;
          throw new IntegrityError(`the bytes of ${objects.name}/${name} are not those of its name`, {
            details: { expected: record.sha256, actual },
            hint: DAMAGE_HINT,
          });
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof SharedStoreError) || reads >= READS) throw error;
        }
      }
    },
    async keep(shelf, item, signal) {
      if (signingKey === undefined)
        throw new UsageError('a shared store takes only what is signed, and there is no key');
      const { path, ...facts } = item;
      const blob = blobName(shelf, item.sha256);
      const compare = (
        seen: Exclude<Seen, { readonly status: 'missing' }>,
      ): Awaited<ReturnType<ArtifactStore['keep']>> => {
        const theirs = seen.status === 'trusted' ? seen.record.sha256 : seen.sha256;
        if (theirs !== undefined && theirs !== item.sha256)
          return { status: 'other', sha256: theirs, trusted: seen.status === 'trusted' };
        return { status: seen.status === 'trusted' ? 'present' : 'untrusted' };
      };
      const before = await readRecord(shelf, item.key, signal);
      const known = before.status === 'missing' ? undefined : compare(before);
      if (known !== undefined && known.status !== 'present') return known;
      // The record may have outlived its bytes.
      if (!(await objects.exists(blob, signal)))
        await packed(shelf, { ...facts, path }, (content) => objects.create(blob, content, signal));
      if (known !== undefined) return known;
      const text = `${JSON.stringify(sealed(shelf, facts, signingKey))}\n`;
      const isNew = await objects.create(recordName(shelf, item.key), { bytes: Buffer.from(text) }, signal);
      if (isNew) return { status: 'kept' };
      const after = await readRecord(shelf, item.key, signal);
      // Removed again in the meantime, by its age.
      return after.status === 'missing' ? { status: 'present' } : compare(after);
    },
    readSource: (digest, signal) => objects.read(sourceName(digest), signal),
    async keepSource(digest, path, signal) {
      const name = sourceName(digest);
      if (await objects.exists(name, signal)) return false;
      return objects.create(name, { file: path, sizeBytes: (await stat(path)).size, sha256: digest }, signal);
    },
  };
}

function recordName(shelf: SharedShelf, key: Sha256): string {
  return `${FORMAT}/${shelf}/${key.slice(0, 2)}/${key}.json`;
}

function blobName(shelf: SharedShelf, digest: Sha256): string {
  return `${FORMAT}/blobs/${digest.slice(0, 2)}/${digest}.${PACKING[shelf].ending}`;
}

function sourceName(digest: Sha256): string {
  return `${FORMAT}/sources/${digest.slice(0, 2)}/${digest}`;
}

function sealed(shelf: SharedShelf, item: ArtifactRecord, key: SigningKey): Envelope {
  const { name, sha256, sizeBytes, seconds, facts } = item;
  const record: z.infer<typeof recordSchema> = {
    ...{ schemaVersion: 1, shelf, key: item.key },
    ...{ name, sha256, sizeBytes, seconds, facts },
  };
  return seal(JSON.stringify(record), { payloadType: PAYLOAD_TYPE, keys: [key] });
}

/** What is under a key: nothing, a record that a trusted key signed, or something else. */
type Seen =
  | { readonly status: 'missing' }
  | { readonly status: 'trusted'; readonly record: ArtifactRecord }
  | {
      readonly status: 'untrusted';
      /** `is not signed` */
      readonly reason: string;
      /** The digest that it claims. */
      readonly sha256: Sha256 | undefined;
    };

function openRecord(
  text: string,
  {
    shelf,
    key,
    keys,
  }: { readonly shelf: SharedShelf; readonly key: Sha256; readonly keys: readonly PublicKey[] },
): Seen {
  const envelope = envelopeSchema.safeParse(parsed(text));
  if (!envelope.success) return { status: 'untrusted', reason: 'is not a record', sha256: undefined };
  const payload = unseal(envelope.data, { payloadType: PAYLOAD_TYPE, keys });
  const claimed = recordSchema.safeParse(
    parsed(payload ?? Buffer.from(envelope.data.payload, 'base64').toString('utf8')),
  );
  const sha256 = claimed.data?.sha256;
  if (payload === undefined) {
    // Nobody has signed the ids: they can be any text.
    const ids = envelope.data.signatures
      .slice(0, 3)
      .map(({ keyid }) => keyid.slice(0, 64).replace(/[^\w.:-]/g, '?'));
    const reason =
      ids.length === 0
        ? 'is not signed'
        : `is not signed by a trusted key (its signature names the key ${ids.join(', ')})`;
    return { status: 'untrusted', reason, sha256 };
  }
  if (!claimed.success)
    return { status: 'untrusted', reason: 'has a format that this release does not know', sha256 };
  // The record of another entry, copied to this name.
  if (claimed.data.shelf !== shelf || claimed.data.key !== key)
    return {
      status: 'untrusted',
      reason: `is the record of ${claimed.data.shelf}/${claimed.data.key}`,
      sha256,
    };
  const { schemaVersion: _version, shelf: _shelf, ...record } = claimed.data;
  return { status: 'trusted', record };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads a record. The text of one that is too long is cut off, and therefore not JSON. */
async function textOf(content: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_RECORD_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Writes the bytes of an entry to a file and returns their sha256. Throws IntegrityError if they are damaged or too many. */
async function unpack(
  content: Readable,
  {
    shelf,
    record: { sizeBytes },
    where,
    output,
    signal,
  }: {
    readonly shelf: SharedShelf;
    readonly record: ArtifactRecord;
    /** For messages. */
    readonly where: string;
    readonly output: string;
    readonly signal: AbortSignal;
  },
): Promise<Sha256> {
  const hash = createHash('sha256');
  let seen = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      hash.update(chunk);
      if (seen > sizeBytes)
        done(
          new IntegrityError(`${where} has more than the ${sizeBytes} bytes of its record`, {
            hint: DAMAGE_HINT,
          }),
        );
      else done(null, chunk);
    },
  });
  const stages = [measure, createWriteStream(output)] as const;
  try {
    await (PACKING[shelf].isPacked
      ? pipeline(content, createGunzip(), ...stages, { signal })
      : pipeline(content, ...stages, { signal }));
  } catch (cause) {
    if (!(cause instanceof Error) || errorCodeOf(cause)?.startsWith('Z_') !== true) throw cause;
    throw new IntegrityError(`${where} is damaged: ${cause.message}`, { hint: DAMAGE_HINT, cause });
  }
  return hash.digest('hex') as Sha256;
}

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { sha256, type Sha256 } from '../core/digest.js';
import { envelopeSchema, seal, unseal } from '../core/dsse.js';
import { IntegrityError, LayerError, PublishError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { describeParseError } from '../core/parse-error.js';
import { keyId, type PublicKey, type SigningKey } from '../core/signing-key.js';
import type { ZipFile } from '../tree/zip-file.js';

/** The type of in-toto statements in envelopes (https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md). */
export const STATEMENT_TYPE = 'application/vnd.in-toto+json';

const statementSchema = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z.array(z.object({ name: z.string(), digest: z.object({ sha256: z.string() }) })).min(1),
  predicateType: z.literal('https://slsa.dev/provenance/v1'),
  predicate: z.object({
    buildDefinition: z.object({ buildType: z.string() }),
    runDetails: z.object({ builder: z.object({ id: z.string() }) }),
  }),
});

/** What a provenance statement says about a layer. */
export type Statement = z.infer<typeof statementSchema>;

/** The files with an attestation that can lie beside the zip `X.zip`, by who signed it. */
export const ATTESTATIONS = {
  /** `X.intoto.jsonl`: an envelope on one line, as in-toto names bundles of them. */
  key: '.intoto.jsonl',
  /** `X.sigstore.json`: a bundle of Sigstore. */
  sigstore: '.sigstore.json',
} as const;

/** Returns the path of an attestation beside a zip. */
export function attestationPath(zip: string, kind: keyof typeof ATTESTATIONS): string {
  return zip.replace(/(\.zip)?$/, ATTESTATIONS[kind]);
}

/**
 * Returns the exact text of the provenance beside a zip, which is what attestations sign. Throws LayerError if it is missing or
 * invalid, IntegrityError if it is about another zip.
 */
export async function provenanceFor(zip: ZipFile): Promise<string> {
  const path = zip.path.replace(/(\.zip)?$/, '.provenance.json');
  const text = await readIfThere(path);
  if (text === undefined) {
    throw new LayerError(`${zip.path} has no provenance: there is no ${path}`, {
      hint: '`layersmith build` writes one beside each layer.',
    });
  }
  checkSubject(parseStatement(text, path), { zip, path });
  return text;
}

/** Signs the provenance of a zip. Returns the text of the envelope's file; the same keys give the same text. */
export function sealProvenance(provenance: string, keys: readonly SigningKey[]): string {
  return `${JSON.stringify(seal(provenance, { payloadType: STATEMENT_TYPE, keys }))}\n`;
}

/** A verified attestation. */
export interface VerifiedAttestation {
  readonly path: string;
  /** Of the attestation's file. */
  readonly sha256: Sha256;
  /** Who signed it: the name of a trusted key, or an identity of Sigstore. */
  readonly signer: string;
  readonly builder: string;
}

/**
 * Verifies the envelope beside a zip: that one of the trusted keys, by their names, signed it, and that it is about these bytes. Throws
 * IntegrityError otherwise, and if there is none.
 */
export async function verifyEnvelope(
  zip: ZipFile,
  trusted: ReadonlyMap<string, PublicKey>,
): Promise<VerifiedAttestation> {
  const { path, text } = await readAttestation(zip, 'key');
  const envelope = envelopeSchema.safeParse(parsedOrUndefined(text));
  if (!envelope.success) throw invalid(path, 'it is not a DSSE envelope');
  for (const [name, key] of trusted) {
    const payload = unseal(envelope.data, { payloadType: STATEMENT_TYPE, keys: [key] });
    if (payload === undefined) continue;
    const statement = parseStatement(payload, path);
    checkSubject(statement, { zip, path });
    return { path, sha256: sha256(text), signer: name, builder: builderOf(statement) };
  }
  throw new IntegrityError(`${path} is not signed by a trusted key`, {
    details: {
      'key ids in it': envelope.data.signatures.map(({ keyid }) => keyid || 'none'),
      'trusted keys': [...trusted].map(([name, key]) => `${name} (${keyId(key)})`),
    },
    hint: 'Do not use the layer if you expected one of these keys. Else add the key with --key, or to `trustedKeys` of layersmith.yaml.',
  });
}

/** Reads an attestation beside a zip. Throws IntegrityError if there is none. */
export async function readAttestation(
  zip: ZipFile,
  kind: keyof typeof ATTESTATIONS,
): Promise<{ readonly path: string; readonly text: string }> {
  const path = attestationPath(zip.path, kind);
  const text = await readIfThere(path);
  if (text !== undefined) return { path, text };
  throw new IntegrityError(`${zip.path} has no attestation: there is no ${path}`, {
    hint: 'Get it from where the zip is from, or create one with `layersmith attest`.',
  });
}

/**
 * Returns the sha256 of the attestation beside a zip, for the description of a published layer: the one signed with a key, else
 * Sigstore's. Undefined if there is none. No signature is checked. Throws PublishError if it is about another zip.
 */
export async function attestationDigest(zip: ZipFile): Promise<Sha256 | undefined> {
  for (const kind of ['key', 'sigstore'] as const) {
    const path = attestationPath(zip.path, kind);
    const text = await readIfThere(path);
    if (text === undefined) continue;
    try {
      checkSubject(parseStatement(payloadOf(text, path), path), { zip, path });
    } catch (cause) {
      if (!(cause instanceof IntegrityError)) throw cause;
      throw new PublishError(cause.message, {
        details: cause.details,
        hint: 'Sign the layer again with `layersmith attest`, or remove that file.',
        cause,
      });
    }
    return sha256(text);
  }
  return undefined;
}

const sigstoreSchema = z.object({ dsseEnvelope: envelopeSchema });

/** Returns the payload of an envelope or a Sigstore bundle, without checking a signature. */
function payloadOf(text: string, path: string): string {
  const json = parsedOrUndefined(text);
  const bundle = sigstoreSchema.safeParse(json);
  const envelope = bundle.success ? bundle.data.dsseEnvelope : envelopeSchema.safeParse(json).data;
  if (envelope === undefined) throw invalid(path, 'it has no DSSE envelope');
  return Buffer.from(envelope.payload, 'base64').toString('utf8');
}

/** Parses a provenance statement. Throws IntegrityError. */
export function parseStatement(text: string, path: string): Statement {
  try {
    return statementSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw invalid(path, describeParseError(cause), cause);
  }
}

/** Returns the URI of the builder that a statement names. */
export function builderOf({ predicate }: Statement): string {
  return predicate.runDetails.builder.id;
}

/** Checks that a statement is about these bytes. The zip may have been renamed. Throws IntegrityError. */
export function checkSubject(
  { subject }: Statement,
  { zip, path }: { readonly zip: ZipFile; readonly path: string },
): void {
  if (subject.some(({ digest }) => digest.sha256 === zip.sha256)) return;
  throw new IntegrityError(`${path} is about another zip than ${basename(zip.path)}`, {
    details: { expected: subject.map(({ name, digest }) => `${name} ${digest.sha256}`), actual: zip.sha256 },
    hint: 'Build the layer again, or take both files from the same build.',
  });
}

function invalid(path: string, why: string, cause?: unknown): IntegrityError {
  return new IntegrityError(`${path} is not a valid attestation: ${why}`, {
    hint: 'Get it again from where the zip is from.',
    cause,
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parsedOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

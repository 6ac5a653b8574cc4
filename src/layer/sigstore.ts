import { sha256 } from '../core/digest.js';
import { IntegrityError, SourceError, UsageError } from '../core/errors.js';
import type { ZipFile } from '../tree/zip-file.js';
import {
  builderOf,
  checkSubject,
  parseStatement,
  readAttestation,
  STATEMENT_TYPE,
  type VerifiedAttestation,
} from './attestation.js';

/** The services of Sigstore that sign without a key of one's own (https://docs.sigstore.dev). */
export interface SigstoreServices {
  /** The certificate authority, which issues a certificate for the identity of an OIDC token. */
  readonly fulcioUrl: string;
  /** The log that records the signature. */
  readonly rekorUrl: string;
}

/** Sigstore's public services. */
export const PUBLIC_SIGSTORE: SigstoreServices = {
  fulcioUrl: 'https://fulcio.sigstore.dev',
  rekorUrl: 'https://rekor.sigstore.dev',
};

const TIMEOUT_MS = 30_000;

/**
 * Signs the provenance of a layer with a key that exists for this moment only, certified for the identity of the CI job: GitHub's
 * token, or the one in SIGSTORE_ID_TOKEN. Returns the text of the bundle's file. Throws UsageError without an identity, SourceError if a service does not
 * answer or refuses.
 */
export async function signKeyless(
  provenance: string,
  { fulcioUrl, rekorUrl }: SigstoreServices,
): Promise<string> {
  // Loaded only here: most commands need none of it.
  const [{ CIContextProvider, DSSEBundleBuilder, FulcioSigner, RekorWitness }, { bundleToJSON }] =
    await Promise.all([import('@sigstore/sign'), import('@sigstore/bundle')]);
  const token = await new CIContextProvider().getToken().catch((cause: unknown) => {
    throw new UsageError('--sigstore: there is no identity to sign with', {
      hint: 'On GitHub give the job the permission `id-token: write`; elsewhere put an OIDC token for the audience `sigstore` into SIGSTORE_ID_TOKEN.',
      cause,
    });
  });
  const common = { timeout: TIMEOUT_MS, retry: 2 };
  const signer = new FulcioSigner({
    ...common,
    fulcioBaseURL: fulcioUrl,
    identityProvider: { getToken: () => Promise.resolve(token) },
  });
  const witnesses = [new RekorWitness({ ...common, rekorBaseURL: rekorUrl, entryType: 'dsse' })];
  try {
    const bundle = await new DSSEBundleBuilder({ signer, witnesses }).create({
      data: Buffer.from(provenance),
      type: STATEMENT_TYPE,
    });
    return `${JSON.stringify(bundleToJSON(bundle))}\n`;
  } catch (cause) {
    throw new SourceError(`Sigstore did not sign the provenance: ${messageOf(cause)}`, {
      details: { services: [fulcioUrl, rekorUrl], ...reasonOf(cause) },
      hint: 'Try again later, or sign with a key (--key).',
      cause,
    });
  }
}

/** Who must have signed, and whom that is believed from. */
export interface SigstorePolicy {
  /** The exact identity in the certificate: the URI of a workflow, or an e-mail address. */
  readonly identity: string;
  /** The URL of the OIDC provider that vouched for it. */
  readonly issuer: string;
  /** The JSON of a trusted root: the certificates and keys of the services. */
  readonly trustedRoot: string;
}

/**
 * Verifies the Sigstore bundle beside a zip: its certificate and log entry, that it is of the identity, and that the statement is about
 * these bytes. Throws IntegrityError otherwise, and if there is none; UsageError for an invalid trusted root.
 */
export async function verifyBundle(zip: ZipFile, policy: SigstorePolicy): Promise<VerifiedAttestation> {
  const { identity, issuer } = policy;
  const [{ toSignedEntity, toTrustMaterial, Verifier }, { bundleFromJSON }, { TrustedRoot }] =
    await Promise.all([
      import('@sigstore/verify'),
      import('@sigstore/bundle'),
      import('@sigstore/protobuf-specs'),
    ]);
  const { path, text } = await readAttestation(zip, 'sigstore');
  let trust: ReturnType<typeof toTrustMaterial>;
  try {
    trust = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(policy.trustedRoot)));
  } catch (cause) {
    throw new UsageError(`--trusted-root is not valid: ${messageOf(cause)}`, {
      hint: 'Write one with `gh attestation trusted-root` or `cosign trusted-root create`.',
      cause,
    });
  }
  let payload: string;
  try {
    const bundle = bundleFromJSON(JSON.parse(text));
    new Verifier(trust).verify(toSignedEntity(bundle), {
      // The library takes a pattern.
      subjectAlternativeName: `^${identity.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`,
      extensions: { issuer },
    });
    if (bundle.content.$case !== 'dsseEnvelope') throw new Error('it has no DSSE envelope');
    const { payloadType, payload: bytes } = bundle.content.dsseEnvelope;
    if (payloadType !== STATEMENT_TYPE) throw new Error(`its payload is ${payloadType}`);
    payload = bytes.toString('utf8');
  } catch (cause) {
    throw new IntegrityError(`${path} is not a trusted signature of ${identity}: ${messageOf(cause)}`, {
      hint: 'Do not use the layer if you expected this identity; else correct --identity, --issuer or --trusted-root.',
      cause,
    });
  }
  const statement = parseStatement(payload, path);
  checkSubject(statement, { zip, path });
  return { path, sha256: sha256(text), signer: `${identity} (${issuer})`, builder: builderOf(statement) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the service said, which the library's error has as its cause. */
function reasonOf(error: unknown): { readonly reason?: string } {
  const inner = error instanceof Error ? error.cause : undefined;
  return inner === undefined ? {} : { reason: messageOf(inner) };
}

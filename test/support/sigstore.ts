import { createHash, generateKeyPairSync } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { fulcioHandler, initializeCA, initializeCTLog, initializeTLog, rekorHandler } from '@sigstore/mock';
import { HashAlgorithm, PublicKeyDetails, TrustedRoot } from '@sigstore/protobuf-specs';
import { startLoopbackServer } from './loopback-server.js';

/** Sigstore's services on loopback, with keys of their own. Leaving its scope ends them. */
export interface Sigstore extends AsyncDisposable {
  readonly url: string;
  /** The JSON of their trusted root. */
  readonly trustedRoot: string;
}

/** The issuer that the certificate authority names, whatever the token says. */
export interface Identity {
  readonly subject: string;
  readonly issuer: string;
}

/** Starts a certificate authority and a log, as Sigstore's own tests have them. */
export async function startSigstore(): Promise<Sigstore> {
  const keys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const start = new Date(Date.now() - 60_000);
  const ctLog = await initializeCTLog(keys());
  const authority = await initializeCA(keys(), ctLog);
  const log = await initializeTLog('http://127.0.0.1', keys());
  const handlers = [fulcioHandler(authority), rekorHandler(log)];
  const server = await startLoopbackServer((incoming, response) => {
    void text(incoming).then(async (body) => {
      const handler = handlers.find(({ path }) => path === incoming.url);
      const recorded = incoming.url?.endsWith('/log/entries') === true ? canonicalEntry(body) : body;
      const answer = await handler?.fn(recorded);
      response.writeHead(answer?.statusCode ?? 404, {
        'content-type': answer?.contentType ?? 'text/plain',
      });
      response.end(answer?.response);
    });
  });
  const { url } = server;
  const logKey = (publicKey: ArrayBufferView, keyId: ArrayBufferView): object => ({
    baseUrl: url,
    logId: { keyId },
    hashAlgorithm: HashAlgorithm.SHA2_256,
    publicKey: {
      rawBytes: publicKey,
      keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256,
      validFor: { start },
    },
  });
  const root = TrustedRoot.toJSON({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [logKey(log.publicKey, createHash('sha256').update(log.publicKey).digest())],
    ctlogs: [logKey(ctLog.publicKey, ctLog.logID)],
    certificateAuthorities: [
      {
        subject: { commonName: 'sigstore', organization: 'sigstore.mock' },
        uri: url,
        certChain: { certificates: [{ rawBytes: authority.rootCertificate }] },
        validFor: { start },
        operator: '',
      },
    ],
    timestampAuthorities: [],
  } as unknown as TrustedRoot);
  return {
    url,
    trustedRoot: JSON.stringify(root),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A token of an OIDC provider, which the services do not check. */
export function tokenOf({ subject, issuer }: Identity): string {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  return `${part({ alg: 'none' })}.${part({ sub: subject, iss: issuer, aud: 'sigstore', exp })}.c2ln`;
}

/** What Rekor records of a proposed entry of the type `dsse`: hashes in place of the envelope. The mock records the proposal. */
function canonicalEntry(body: string): string {
  const { apiVersion, kind, spec } = JSON.parse(body) as {
    apiVersion: string;
    kind: string;
    spec: { proposedContent: { envelope: string; verifiers: readonly string[] } };
  };
  const { envelope, verifiers } = spec.proposedContent;
  const { payload, signatures } = JSON.parse(envelope) as {
    payload: string;
    signatures: readonly { sig: string }[];
  };
  const hash = (bytes: string | Buffer): object => ({
    algorithm: 'sha256',
    value: createHash('sha256').update(bytes).digest('hex'),
  });
  return JSON.stringify({
    apiVersion,
    kind,
    spec: {
      envelopeHash: hash(envelope),
      payloadHash: hash(Buffer.from(payload, 'base64')),
      signatures: signatures.map(({ sig }, index) => ({ signature: sig, verifier: verifiers[index] })),
    },
  });
}

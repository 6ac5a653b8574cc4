import { sign, verify } from 'node:crypto';
import { z } from 'zod';
import { readPublicKey, type PublicKey, type SigningKey } from './signing-key.js';

/**
 * A signed text: an envelope of the Dead Simple Signing Envelope specification (DSSE 1.0, secure-systems-lab/dsse). The signatures cover
 * the exact bytes of the payload and its type, so that nothing has to be put into a canonical form.
 */
export interface Envelope {
  readonly payloadType: string;
  /** In base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, 'not base64');

/** The schema of an envelope. An envelope without signatures is valid, but nobody trusts it. */
export const envelopeSchema: z.ZodType<Envelope> = z.object({
  payloadType: z.string(),
  payload: base64,
  signatures: z.array(z.object({ keyid: z.string().default(''), sig: base64 })),
});

/** Signs a text with each of the keys. */
export function seal(
  payload: string,
  { payloadType, keys }: { readonly payloadType: string; readonly keys: readonly SigningKey[] },
): Envelope {
  const bytes = Buffer.from(payload);
  const signed = preAuthEncoding(payloadType, bytes);
  return {
    payloadType,
    payload: bytes.toString('base64'),
    signatures: keys.map((key) => ({
      keyid: key.id,
      // Ed25519 has its own hash.
      sig: sign(null, signed, key.privateKey).toString('base64'),
    })),
  };
}

/** Returns the payload if one of the keys signed it, and the type is the expected one. Undefined otherwise. */
export function unseal(
  envelope: Envelope,
  { payloadType, keys }: { readonly payloadType: string; readonly keys: readonly PublicKey[] },
): string | undefined {
  if (envelope.payloadType !== payloadType) return undefined;
  const bytes = Buffer.from(envelope.payload, 'base64');
  const signed = preAuthEncoding(payloadType, bytes);
  // `keyid` is a hint that nobody has signed. Every key is tried.
  const isSigned = envelope.signatures.some(({ sig }) =>
    keys.some((key) => verify(null, signed, readPublicKey(key), Buffer.from(sig, 'base64'))),
  );
  return isSigned ? bytes.toString('utf8') : undefined;
}

/** Returns the bytes that are signed: `DSSEv1 LENGTH TYPE LENGTH PAYLOAD`. */
function preAuthEncoding(payloadType: string, payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

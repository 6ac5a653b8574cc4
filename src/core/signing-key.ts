import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { sha256 } from './digest.js';
import { UsageError } from './errors.js';

/** The public half of an Ed25519 key (RFC 8032): its 32 bytes in base64. */
export type PublicKey = string & { readonly brand: 'PublicKey' };

/** A key that signs. */
export interface SigningKey {
  /** The first 16 hexadecimal digits of the sha256 of the public key. */
  readonly id: string;
  readonly publicKey: PublicKey;
  readonly privateKey: KeyObject;
}

/** Reports whether a text is a public key: 32 bytes in base64. */
export function isPublicKey(text: string): text is PublicKey {
  return /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, 'base64').toString('base64') === text;
}

/** Returns the id of a public key. */
export function keyId(key: PublicKey): string {
  return sha256(Buffer.from(key, 'base64')).slice(0, 16);
}

/** Returns a public key as Node.js uses it. */
export function readPublicKey(key: PublicKey): KeyObject {
  const x = Buffer.from(key, 'base64').toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/** Creates a key. Returns its private half as PEM (PKCS #8), which `readSigningKey` reads. */
export function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Reads a private key in PEM. `where` names it in messages. Throws UsageError if it is not an Ed25519 key. */
export function readSigningKey(pem: string, where: string): SigningKey {
  const hint = 'Create one with `layersmith keys new NAME`.';
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (cause) {
    // The message of the cause could quote the key.
    throw new UsageError(`${where} is not a private key in PEM without a passphrase`, { hint, cause });
  }
  const { asymmetricKeyType } = privateKey;
  if (asymmetricKeyType !== 'ed25519')
    throw new UsageError(`${where} is not an Ed25519 key but ${asymmetricKeyType ?? 'another kind'}`, {
      hint,
    });
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicKey = Buffer.from(x, 'base64url').toString('base64') as PublicKey;
  return { id: keyId(publicKey), publicKey, privateKey };
}

import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { envelopeSchema, seal, unseal, type Envelope } from '../../../src/core/dsse.js';
import { UsageError } from '../../../src/core/errors.js';
import {
  isPublicKey,
  keyId,
  newSigningKey,
  readSigningKey,
  type PublicKey,
} from '../../../src/core/signing-key.js';

const TYPE = 'application/vnd.example+json';
const ours = readSigningKey(newSigningKey(), 'ours');
const theirs = readSigningKey(newSigningKey(), 'theirs');

/** Opens an envelope with one trusted key. */
const opened = (envelope: Envelope, key = ours.publicKey): string | undefined =>
  unseal(envelope, { payloadType: TYPE, keys: [key] });

describe('an envelope', () => {
  const envelope = seal('{"a":"ü"}', { payloadType: TYPE, keys: [ours] });

  test('gives its payload to those who trust the key', () => {
    expect(opened(envelopeSchema.parse(JSON.parse(JSON.stringify(envelope))))).toBe('{"a":"ü"}');
    expect(envelope.signatures[0]?.keyid).toBe(keyId(ours.publicKey));
  });

  test('gives nothing to those who trust another key, or none', () => {
    expect(opened(envelope, theirs.publicKey)).toBeUndefined();
    expect(unseal(envelope, { payloadType: TYPE, keys: [] })).toBeUndefined();
  });

  test('counts with one trusted signature among others, whatever the ids of keys say', () => {
    const both = seal('x', { payloadType: TYPE, keys: [theirs, ours] });
    expect(opened(both)).toBe('x');
    expect(opened({ ...both, signatures: both.signatures.map((each) => ({ ...each, keyid: '' })) })).toBe(
      'x',
    );
    expect(
      opened({ ...envelope, signatures: [{ keyid: theirs.id, sig: envelope.signatures[0]?.sig ?? '' }] }),
    ).toBe('{"a":"ü"}');
  });

  test.each<[string, Partial<Envelope>]>([
    ['without signatures', { signatures: [] }],
    ['with another payload', { payload: Buffer.from('{"a":"o"}').toString('base64') }],
    ['of another type', { payloadType: `${TYPE}x` }],
    ['with an empty signature', { signatures: [{ keyid: ours.id, sig: '' }] }],
    [
      'with a random signature',
      { signatures: [{ keyid: ours.id, sig: Buffer.alloc(64, 7).toString('base64') }] },
    ],
  ])('%s gives nothing', (_name, change) => {
    expect(opened({ ...envelope, ...change })).toBeUndefined();
  });

  test('has the signature that the specification describes', () => {
    // https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md: PAE("http://example.com/HelloWorld", "hello world").
    const type = 'http://example.com/HelloWorld';
    const { signatures } = seal('hello world', { payloadType: type, keys: [ours] });
    const signed = Buffer.from(`DSSEv1 29 ${type} 11 hello world`);
    expect(signatures[0]?.sig).toBe(sign(null, signed, ours.privateKey).toString('base64'));
  });
});

describe('a key', () => {
  test('has a public half of 32 bytes in base64', () => {
    expect(isPublicKey(ours.publicKey)).toBe(true);
    expect(ours.publicKey).not.toBe(theirs.publicKey);
  });

  test.each(['', 'abc', `${ours.publicKey}A`, ours.publicKey.slice(0, -2), ` ${ours.publicKey}`])(
    '%j is not the public half of one',
    (text: string) => {
      expect(isPublicKey(text)).toBe(false);
    },
  );

  test('has an id that depends on its public half alone', () => {
    expect(keyId('AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' as PublicKey)).toBe('66687aadf862bd77');
  });

  test.each([
    ['text', 'nothing'],
    [
      'a public key',
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    ],
    [
      'a key for another algorithm',
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    ],
  ])('is not read from %s', (_what, pem) => {
    expect(() => readSigningKey(pem, 'key.pem')).toThrow(UsageError);
    expect(() => readSigningKey(pem, 'key.pem')).toThrow(/^key\.pem is not /);
  });
});

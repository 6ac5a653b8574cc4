import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { isPublicKey, readSigningKey, type PublicKey, type SigningKey } from '../core/signing-key.js';
import type { Io } from './io.js';

/** The environment variable with a private key: its text, or the path of its file. */
export const KEY_VARIABLE = 'LAYERSMITH_SIGNING_KEY';

/** Reads the private keys of the files, or that of the environment if there are none. Throws UsageError. */
export async function signingKeys(io: Io, files: readonly string[]): Promise<readonly SigningKey[]> {
  if (files.length > 0) {
    return Promise.all(files.map(async (file) => readSigningKey(await readKeyFile(io, file), file)));
  }
  const value = io.env[KEY_VARIABLE];
  if (value === undefined || value.trim() === '') return [];
  const pem = value.includes('-----BEGIN') ? value : await readKeyFile(io, value);
  return [readSigningKey(pem, KEY_VARIABLE)];
}

/**
 * Reads public keys: each is 32 bytes in base64 as `layersmith keys new` prints them, or the path of a file with that or with PEM. The
 * name of a key is that of its file. Throws UsageError.
 */
export async function publicKeys(
  io: Io,
  texts: readonly string[],
): Promise<readonly (readonly [string, PublicKey])[]> {
  return Promise.all(
    texts.map(async (text) => {
      if (isPublicKey(text)) return [text, text] as const;
      const name = basename(text).replace(/\.[^.]*$/, '');
      return [name, parsePublicKey(await readKeyFile(io, text), text)] as const;
    }),
  );
}

function parsePublicKey(text: string, where: string): PublicKey {
  // `keys new` prints `NAME: KEY`.
  const line = text.trim().replace(/^[\w.-]+:\s*/, '');
  if (isPublicKey(line)) return line;
  try {
    const { x = '', crv } = createPublicKey(text).export({ format: 'jwk' });
    const key = Buffer.from(x, 'base64url').toString('base64');
    if (crv === 'Ed25519' && isPublicKey(key)) return key;
  } catch {
    // Neither PEM.
  }
  throw new UsageError(`${where} has no public Ed25519 key`, {
    hint: 'Give the key as `layersmith keys new` prints it, or a PEM file.',
  });
}

async function readKeyFile(io: Io, file: string): Promise<string> {
  try {
    return await readFile(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    const code = errorCodeOf(cause);
    if (code === undefined) throw cause;
    // The text could be a key that was pasted wrongly.
    throw new UsageError(`cannot read the key file '${file.slice(0, 80)}' (${code})`, {
      hint: 'Create a key with `layersmith keys new FILE`.',
    });
  }
}

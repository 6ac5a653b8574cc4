import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IntegrityError } from '../core/errors.js';
import { runCommand } from '../core/run-command.js';

/** Files of a detached OpenPGP signature, by their paths. */
export interface SignedFile {
  readonly file: string;
  readonly signature: string;
  /** Public keys, armored or not. */
  readonly key: string;
}

/**
 * Verifies a detached signature with gpgv, which trusts the given keys alone. Returns the fingerprint of the key that signed the
 * file, or undefined if gpgv is not installed. Throws IntegrityError if the signature is not one of these keys.
 */
export async function checkSignature(
  { file, signature, key }: SignedFile,
  { signal, program = 'gpgv' }: { readonly signal: AbortSignal; readonly program?: string },
): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'layersmith-key-'));
  try {
    const keyring = join(folder, 'keys.gpg');
    await writeFile(keyring, dearmored(await readFile(key)));
    const ended = await runCommand([program, '--status-fd', '1', '--keyring', keyring, signature, file], {
      env: { HOME: folder, GNUPGHOME: folder },
      signal,
    });
    if (ended.status === 127) return undefined;
    const [, fingerprint] = /^\[GNUPG:\] VALIDSIG ([0-9A-F]+)/m.exec(ended.stdout) ?? [];
    if (ended.ok && fingerprint !== undefined) return fingerprint;
    throw new IntegrityError(`${signature} is no valid signature of ${file} by a key of ${key}`, {
      details: { gpgv: ended.lastLines.length === 0 ? ended.reason : ended.lastLines },
      hint: 'Compare the file, its signature and the key with those that upstream publishes.',
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Decodes ASCII-armored keys (RFC 9580); gpgv reads no armor. Returns other bytes unchanged. */
function dearmored(bytes: Buffer): Buffer {
  const blocks = [
    ...bytes.toString('latin1').matchAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END/g),
  ];
  if (blocks.length === 0) return bytes;
  return Buffer.concat(
    blocks.map(([, block = '']) => {
      const text = block.replaceAll('\r', '');
      // Headers end with an empty line, and the last line is a checksum.
      const body = text.slice(text.startsWith('\n') ? 1 : text.indexOf('\n\n') + 1);
      return Buffer.from(body.replace(/^=.{4}$/m, ''), 'base64');
    }),
  );
}

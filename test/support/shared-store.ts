import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../src/core/digest.js';
import { newSigningKey, readSigningKey } from '../../src/core/signing-key.js';
import type { ArtifactStore } from '../../src/store/artifact-store.js';
import type { ObjectStore } from '../../src/store/object-store.js';
import { signedStore, type Trust } from '../../src/store/signed-store.js';
import type { StoredItem } from '../../src/store/store.js';
import type { TemporaryFolder } from './temporary-folder.js';

export const OUR_KEY = readSigningKey(newSigningKey(), 'ours');
export const THEIR_KEY = readSigningKey(newSigningKey(), 'theirs');

/** Opens the objects as a shared store that trusts OUR_KEY and signs with it; change what the test is about. */
export function sharedStore(
  objects: ObjectStore,
  folder: TemporaryFolder,
  changes: Partial<Trust> = {},
): ArtifactStore & { readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const store = signedStore(objects, {
    trustedKeys: [OUR_KEY.publicKey],
    signingKey: OUR_KEY,
    requireSignatures: false,
    tmpDir: folder.path,
    warn: (message) => warnings.push(message),
    ...changes,
  });
  return { ...store, warnings };
}

/** An item with these bytes in a file of the folder. */
export async function itemOf(
  content: string | Uint8Array,
  folder: TemporaryFolder,
  changes: Partial<StoredItem> = {},
): Promise<StoredItem> {
  const path = join(folder.path, `item-${randomBytes(4).toString('hex')}`);
  await writeFile(path, content);
  return {
    key: sha256('a key'),
    path,
    sha256: sha256(content),
    sizeBytes: Buffer.byteLength(content),
    name: 'zlib/1.3',
    seconds: 2.8,
    facts: { sources: '{}' },
    ...changes,
  };
}

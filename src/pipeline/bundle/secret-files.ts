import type { TreeEntry } from '../../tree/tree-entry.js';

/** Names of files that often hold credentials or private keys. */
const SECRET_FILES = [
  /^\.env(\.(?!example$|sample$|dist$).+)?$/,
  /\.(pem|key|p12|pfx)$/,
  /^id_(rsa|dsa|ecdsa|ed25519)$/,
  /^(auth\.json|\.npmrc|\.netrc|\.pgpass)$/,
];

/** Folders whose files are credentials. */
const SECRET_FOLDERS = ['.aws', '.ssh'];

/**
 * The files of a function that often hold secrets, by their paths; of a folder such as `.aws` the folder alone. Files below `vendor/`
 * are left out: libraries bring certificates and keys for their tests.
 */
export function findSecretFiles(entries: readonly TreeEntry[]): readonly string[] {
  const found = new Set<string>();
  for (const { path, type } of entries) {
    if (type === 'directory' || path.startsWith('vendor/')) continue;
    const parts = path.split('/');
    const folder = parts.slice(0, -1).findIndex((part) => SECRET_FOLDERS.includes(part));
    const name = parts.at(-1) ?? '';
    if (folder >= 0) found.add(`${parts.slice(0, folder + 1).join('/')}/`);
    else if (SECRET_FILES.some((pattern) => pattern.test(name))) found.add(path);
  }
  return [...found].sort();
}

import type { TreeEntry } from '../../tree/tree-entry.js';

/** Names of files that often hold credentials or private keys. */
const SECRET_FILES = [
  /^\.env(\.(?!example$|sample$|dist$).+)?$/,
  /\.(pem|key|p12|pfx)$/,
  /^id_(rsa|dsa|ecdsa|ed25519)$/,
  /^(auth\.json|\.npmrc|\.netrc|\.pgpass)$/,
];

/** Folders whose files are usually credentials. */
const SECRET_FOLDERS = ['.aws', '.ssh'];

/**
 * Finds the files of a function that often hold secrets. Returns their paths, or only the folder for one such as `.aws`. Skips
 * `vendor/`: libraries include certificates and keys for their tests.
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

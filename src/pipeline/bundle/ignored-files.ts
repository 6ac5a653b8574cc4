import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';
import { UsageError } from '../../core/errors.js';
import { errorCodeOf } from '../../core/file-system.js';
import type { TreeEntry } from '../../tree/tree-entry.js';
import type { BundleKind } from '../../runtime/runtime.js';
import { RUNTIMES } from '../../runtime/runtimes.js';

/** Ignore files in the format of `.gitignore`. A folder can have both: for its `vendor/` as a layer and the rest as a function. */
const IGNORE_FILES = { function: '.layersmithignore', vendor: '.layersmithignore-vendor' } as const;

/** Never packed: the ignore files, and files that an earlier `package` added. */
const ALWAYS = [
  ...Object.values(IGNORE_FILES).map((file) => `/${file}`),
  ...RUNTIMES.flatMap(({ compiler }) => compiler?.ignored ?? []),
];

/**
 * Returns the files of a folder that its ignore file does not match. Throws UsageError if the ignore file cannot be read or
 * no file is left.
 */
export async function withoutIgnored<
  T extends { readonly path: string; readonly entries: readonly TreeEntry[] },
>(code: T, kind: BundleKind): Promise<T> {
  const name = IGNORE_FILES[kind];
  const file = join(code.path, name);
  const patterns = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (errorCodeOf(cause) === 'ENOENT') return '';
    throw new UsageError(`cannot read ${file} (${errorCodeOf(cause) ?? String(cause)})`, {
      hint: 'Make it a readable file in the format of .gitignore, or remove it.',
      cause,
    });
  });
  const rules = ignore().add(patterns).add(ALWAYS);
  const entries = code.entries.filter(
    ({ path, type }) => !rules.ignores(type === 'directory' ? `${path}/` : path),
  );
  if (!entries.some(({ type }) => type !== 'directory'))
    throw new UsageError(`${name} excludes all files of ${code.path}`, {
      hint: 'It has the format of .gitignore: a line `!src/` includes a folder again.',
    });
  return { ...code, entries };
}

import { readFile } from 'node:fs/promises';
import { sha256 } from '../../core/digest.js';
import { UsageError } from '../../core/errors.js';
import { errorCodeOf } from '../../core/file-system.js';
import { fileEntry, type TreeEntry } from '../../tree/tree-entry.js';

/** Where Composer runs, and where it lies. */
export const PROJECT_FOLDER = '/tmp/project';
export const COMPOSER_FOLDER = '/var/layersmith';
const HOME_NAME = '.layersmith-composer';

/** Without what only development needs; the autoloader looks nothing up on disk. */
export const COMPOSER_COMMAND: readonly string[] = [
  ...['/opt/bin/php', '-d', 'memory_limit=-1', `${COMPOSER_FOLDER}/composer.phar`, 'install'],
  ...['--no-dev', '--prefer-dist', '--optimize-autoloader', '--no-interaction', '--no-progress', '--no-ansi'],
];

/**
 * Composer's cache and settings have no place in a container that is thrown away; a package from a folder is copied, since a
 * link would lead out of the layer; the version of the project itself would be guessed from the surroundings.
 */
export const COMPOSER_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/tmp',
  COMPOSER_HOME: `${PROJECT_FOLDER}/${HOME_NAME}`,
  COMPOSER_CACHE_DIR: '/dev/null',
  COMPOSER_MIRROR_PATH_REPOS: '1',
  COMPOSER_ROOT_VERSION: '1.0.0',
};

/**
 * Composer's own settings, in the project. Without a lock file it would give the autoloader's classes a random name: they
 * are named after the texts of `composer.json` and `composer.lock`.
 */
export function composerSettings(texts: readonly Uint8Array[]): TreeEntry {
  const suffix = sha256(Buffer.concat(texts)).slice(0, 32);
  return fileEntry(
    `${HOME_NAME}/config.json`,
    `${JSON.stringify({ config: { 'autoloader-suffix': suffix } })}\n`,
  );
}

/** `composer.phar` as an entry. Throws UsageError for a file that cannot be read or is no phar. */
export async function composerEntry(path: string): Promise<TreeEntry> {
  const hint = 'Download composer.phar from https://getcomposer.org/download/ and give its path.';
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UsageError(`cannot read ${path} (${errorCodeOf(cause) ?? String(cause)})`, { hint, cause });
  });
  if (!bytes.includes('__HALT_COMPILER()')) throw new UsageError(`${path} is no phar`, { hint });
  return fileEntry('composer.phar', bytes);
}

import { readFile } from 'node:fs/promises';
import { sha256 } from '../../core/digest.js';
import { UsageError } from '../../core/errors.js';
import { errorCodeOf } from '../../core/file-system.js';
import { fileEntry, type TreeEntry } from '../../tree/tree-entry.js';

/** The folder in which Composer runs. */
export const PROJECT_FOLDER = '/tmp/project';
/** The folder that holds `composer.phar`. */
export const COMPOSER_FOLDER = '/var/layersmith';
const HOME_NAME = '.layersmith-composer';

/** Installs without development packages. The autoloader does not search the disk for classes. */
export const COMPOSER_COMMAND: readonly string[] = [
  ...['/opt/bin/php', '-d', 'memory_limit=-1', `${COMPOSER_FOLDER}/composer.phar`, 'install'],
  ...['--no-dev', '--prefer-dist', '--optimize-autoloader', '--no-interaction', '--no-progress', '--no-ansi'],
];

/**
 * The environment of Composer. Its cache and settings are not needed in a temporary container. Packages from folders are copied,
 * because a link would leave the layer. The version of the project is fixed, because Composer would guess it.
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
 * Returns Composer's settings for the project. Without a lock file Composer would give the autoloader's classes a random name,
 * so they are named after the content of `composer.json` and `composer.lock`.
 */
export function composerSettings(texts: readonly Uint8Array[]): TreeEntry {
  const suffix = sha256(Buffer.concat(texts)).slice(0, 32);
  return fileEntry(
    `${HOME_NAME}/config.json`,
    `${JSON.stringify({ config: { 'autoloader-suffix': suffix } })}\n`,
  );
}

/** Reads `composer.phar` as an entry. Throws UsageError for a file that cannot be read or is not a phar. */
export async function composerEntry(path: string): Promise<TreeEntry> {
  const hint = 'Download composer.phar from https://getcomposer.org/download/ and pass its path.';
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UsageError(`cannot read ${path} (${errorCodeOf(cause) ?? String(cause)})`, { hint, cause });
  });
  if (!bytes.includes('__HALT_COMPILER()')) throw new UsageError(`${path} is not a phar`, { hint });
  return fileEntry('composer.phar', bytes);
}

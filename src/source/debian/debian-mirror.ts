import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf } from '../../core/file-system.js';
import { parseListFile, parseSourcesFile, type AptEntry } from './apt-entries.js';

/** The URIs of Debian's archive for this host, without a trailing slash. */
export interface DebianMirror {
  /** The folder that holds `dists/` and `pool/` of the released suites. */
  readonly archive: string;
  /** The same for the security suites. Undefined if the host has none. */
  readonly security: string | undefined;
}

/**
 * Finds the Debian mirrors in this host's apt sources, the most likely first: entries signed by Debian's keyring, then
 * unsigned entries with Debian's suites and components. Signatures are verified later, so a wrong guess does no harm. Entries
 * of other vendors are ignored.
 */
export async function hostMirrors(aptDir: string): Promise<DebianMirror[]> {
  const entries = await hostEntries(aptDir);
  const ranked = entries
    .map((entry) => ({ entry, rank: rankOf(entry) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank)
    .map(({ entry }) => entry);
  const security = ranked.find((entry) => entry.suites.some(isSecurity))?.uris.map(withoutSlash)[0];
  const archives = ranked
    .filter((entry) => entry.suites.some((suite) => !isSecurity(suite)))
    .flatMap((entry) => entry.uris.map(withoutSlash));
  return [...new Set(archives)].map((archive) => ({ archive, security }));
}

/**
 * Parses a mirror given by the user. Its security archive is expected next to it, as on Debian's own hosts. Undefined if apt
 * cannot use the text as a URL.
 */
export function namedMirror(text: string): DebianMirror | undefined {
  if (/[\s[\]#]/.test(text) || !/^[a-z][a-z0-9+]*:/.test(text) || !URL.canParse(text)) return undefined;
  const archive = withoutSlash(text);
  return { archive, security: /\/debian$/.test(archive) ? `${archive}-security` : undefined };
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}

const CODENAMES = 'buster|bullseye|bookworm|trixie|forky|sid|(?:old)*stable|testing|unstable';
const DEBIAN_SUITE = new RegExp(
  `^(?:${CODENAMES})(?:-(?:updates|security|backports|proposed-updates)|/updates)?$`,
);
const DEBIAN_COMPONENTS: readonly string[] = ['main', 'contrib', 'non-free', 'non-free-firmware'];

function isSecurity(suite: string): boolean {
  return /(?:-security|\/updates)$/.test(suite);
}

/** Ranks an entry; 0 means that it is not Debian's. */
function rankOf(entry: AptEntry): number {
  const [uri] = entry.uris;
  const debianSuites = entry.suites.some((suite) => DEBIAN_SUITE.test(suite));
  if (uri === undefined || uri.startsWith('cdrom:') || !debianSuites) return 0;
  if (entry.signedBy !== undefined) return /(?:^|\/)debian-archive-[^/]*$/m.test(entry.signedBy) ? 3 : 0;
  if (!entry.components.includes('main')) return 0;
  if (!entry.components.every((component) => DEBIAN_COMPONENTS.includes(component))) return 0;
  return /\/debian(?:-security)?\/?$/.test(uri) ? 2 : 1;
}

async function hostEntries(aptDir: string): Promise<AptEntry[]> {
  const parts = join(aptDir, 'sources.list.d');
  const names = (await readOrUndefined(() => readdir(parts))) ?? [];
  const paths = [join(aptDir, 'sources.list'), ...names.sort().map((name) => join(parts, name))];
  const entries: AptEntry[] = [];
  for (const path of paths) {
    const parse = path.endsWith('.sources')
      ? parseSourcesFile
      : path.endsWith('.list')
        ? parseListFile
        : undefined;
    const text = parse && (await readOrUndefined(() => readFile(path, 'utf8')));
    if (parse !== undefined && text !== undefined) entries.push(...parse(text));
  }
  return entries;
}

/** Returns undefined if a file is missing or not readable for this user, for example because it holds a password. */
async function readOrUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR', 'EISDIR'].includes(errorCodeOf(error) ?? '')) return undefined;
    throw error;
  }
}

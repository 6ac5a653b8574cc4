import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf } from '../../core/file-system.js';
import { parseListFile, parseSourcesFile, type AptEntry } from './apt-entries.js';

/** Where Debian's archive is, as this host reaches it: URIs without a slash at the end. */
export interface DebianMirror {
  /** The folder that holds `dists/` and `pool/` of the released suites. */
  readonly archive: string;
  /** The same for the security suites; undefined when the host has none. */
  readonly security: string | undefined;
}

/**
 * The mirrors of Debian that this host's apt uses, the likeliest first: entries that are signed by Debian's
 * keyring, then entries without a key whose suites and components are Debian's. Whether one of the latter is
 * really Debian's turns out when its signature is checked. Other vendors' entries are ignored.
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
 * Parses the mirror that a user names. Its security archive is expected beside it, as on Debian's own hosts.
 * Undefined when the text is not a URL that apt could use.
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

/** 0: not Debian's. */
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

/** Apt's files may be missing, or (with a password in them) not readable for this user. */
async function readOrUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR', 'EISDIR'].includes(errorCodeOf(error) ?? '')) return undefined;
    throw error;
  }
}

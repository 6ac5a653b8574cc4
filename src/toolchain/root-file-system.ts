import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { sha256 } from '../core/digest.js';
import { StageError } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import { readTar, type TarEntry } from '../tree/read-tar.js';

/**
 * The paths that depend on the host on which a root file system was created: host name, resolver, mirror and proxy
 * settings, caches and logs, and the content of the kernel's file systems. They do not belong in an image.
 */
const OF_THE_HOST: readonly RegExp[] = [
  /^etc\/(hostname|hosts|resolv\.conf|mtab|machine-id)$/,
  /^etc\/apt\/(sources\.list|sources\.list\.d\/.*|preferences\.d\/.*|apt\.conf\.d\/99mmdebstrap|auth\.conf.*\/.*)$/,
  /^(dev|proc|sys|run|tmp)\/./,
  /^var\/(cache|log|tmp|lib\/apt|lib\/dbus)\/./,
  /^\.dockerenv$/,
  /^run\/\.containerenv$/,
];

/**
 * An entry of a root file system: its path without a leading slash, and a description of its type, mode, owner and
 * content. Dates, extended attributes (file capabilities, ACLs) and the numbers of devices are left out: entries that
 * differ only in them are the same.
 */
export interface RootEntry {
  readonly path: string;
  /** `file 644 0:0 SHA256`, `symlink 777 0:0 TARGET`, `directory 755 0:0`. */
  readonly description: string;
  /** The md5 of a regular file, for comparison with dpkg's records. */
  readonly md5: string | undefined;
}

/** The entries of a root file system that do not depend on the host, sorted by path. */
export interface RootListing {
  readonly entries: readonly RootEntry[];
  /** A digest (`sha256:…`) of the entries, independent of archive order and dates. */
  readonly digest: string;
  /** The texts of dpkg's file lists, by path. They determine which files belong to a package. */
  readonly dpkgLists: ReadonlyMap<string, string>;
}

/**
 * Lists a root file system from a tar of a bootstrap or a container. Closes the tar. Throws StageError for a name that is
 * not UTF-8, and what `readTar` throws.
 */
export async function listRootFileSystem(archive: Readable): Promise<RootListing> {
  const entries: RootEntry[] = [];
  const dpkgLists = new Map<string, string>();
  for await (const { header, content } of withoutHostEntries(archive)) {
    const sums = [createHash('sha256'), createHash('md5')] as const;
    const kept: Buffer[] = [];
    const isList = /^var\/lib\/dpkg\/info\/.*\.(list|md5sums)$/.test(header.name);
    for await (const chunk of content) {
      for (const sum of sums) sum.update(chunk);
      if (isList) kept.push(chunk);
    }
    if (isList) dpkgLists.set(header.name, Buffer.concat(kept).toString());
    const [digest = '', md5] = sums.map((sum) => sum.digest('hex'));
    const { name: path, type } = header;
    const linkname = (header.linkname as string | null) ?? '';
    // A hard link is listed as its target: which name of a file is the link depends on the archive.
    const file = type === 'link' ? entries.find((entry) => entry.path === cleanName(linkname)) : undefined;
    if (file !== undefined) {
      entries.push({ ...file, path });
      continue;
    }
    const owner = `${(header.mode & 0o7777).toString(8)} ${header.uid}:${header.gid}`;
    const description = `${type} ${owner} ${type === 'file' ? digest : linkname}`.trimEnd();
    entries.push({ path, description, md5: type === 'file' ? md5 : undefined });
  }
  entries.sort((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
  const text = entries.map(({ path, description }) => `${path}\0${description}\n`).join('');
  return { entries, digest: `sha256:${sha256(text)}`, dpkgLists };
}

/**
 * Copies a tar of a root file system without the entries that depend on the host, and with the same date for every entry.
 * The copy fails if the tar does, and the tar is closed when the copy is.
 */
export function withoutHost(archive: Readable): Readable {
  const out = pack();
  out.on('close', () => {
    archive.destroy(new Error('the copy of the tar was closed'));
  });
  const copy = async (): Promise<void> => {
    for await (const { header, content } of withoutHostEntries(archive)) {
      const { name, type, mode, uid, gid, size, linkname } = header;
      const mtime = new Date(SOURCE_DATE_EPOCH * 1000);
      const sink = out.entry({
        ...{ name, type, mode, uid, gid, mtime },
        ...(type === 'file' ? { size } : {}),
        ...((linkname as string | null) === null ? {} : { linkname }),
      });
      if (type === 'file') await pipeline(content, sink as unknown as NodeJS.WritableStream);
    }
    out.finalize();
  };
  copy().catch((error: unknown) => {
    out.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  // tar-stream returns a streamx stream; Node's functions need a Node stream.
  return Readable.from(out, { objectMode: false });
}

/** Reads the entries that do not depend on the host, with their names in the form of `RootEntry`. */
async function* withoutHostEntries(archive: Readable): AsyncGenerator<TarEntry, void> {
  for await (const { header, content } of readTar(archive)) {
    const name = cleanName(header.name);
    if (name === '' || OF_THE_HOST.some((pattern) => pattern.test(name))) continue;
    requireUtf8(name);
    requireUtf8(header.linkname);
    yield { header: { ...header, name }, content };
  }
}

/** Throws StageError for a name that was not UTF-8 in the tar: tar-stream decodes different ones to the same text. */
function requireUtf8(name: string | null | undefined): void {
  if (name?.includes('\uFFFD') !== true) return;
  throw new StageError(`a name in the root file system is not UTF-8: ${JSON.stringify(name)}`);
}

function cleanName(name: string): string {
  return name.replace(/^(\.?\/)+/, '').replace(/\/$/, '');
}

/**
 * Returns a short digest of each entry that the names and versions of the installed packages do not determine, by path:
 * files that do not belong to a package, configuration files, and files that differ from their package. Folders and the
 * links of packages are omitted.
 */
export function unsettledFiles({ entries, dpkgLists }: RootListing): ReadonlyMap<string, string> {
  const owned = new Set<string>();
  const shipped = new Map<string, string>();
  for (const [path, text] of dpkgLists) {
    for (const line of text.split('\n')) {
      if (path.endsWith('.list')) owned.add(line.replace(/^\//, ''));
      const [, md5, file] = /^([0-9a-f]{32}) [ *](.+)$/.exec(line) ?? [];
      if (path.endsWith('.md5sums') && md5 !== undefined && file !== undefined) shipped.set(file, md5);
    }
  }
  const isSettled = ({ path, description, md5 }: RootEntry): boolean =>
    description.startsWith('directory ') ||
    (md5 !== undefined && shipped.get(path) === md5) ||
    (description.startsWith('symlink ') && owned.has(path));
  const isOfDpkg = ({ path }: RootEntry): boolean => path.startsWith('var/lib/dpkg/info/');
  const files = entries
    .filter((entry) => !isSettled(entry) && !isOfDpkg(entry))
    .map(({ path, description }) => [path, short(description)] as const);
  const ofDpkg = entries.filter(isOfDpkg).map(({ path, description }) => `${path} ${description}\n`);
  return new Map([
    ...files,
    ...(ofDpkg.length === 0 ? [] : [['var/lib/dpkg/info/*', short(ofDpkg.join(''))] as const]),
  ]);
}

/** Shortens a digest. It only serves to find files that differ; integrity relies on the digest of the image. */
function short(text: string): string {
  return sha256(text).slice(0, 16);
}

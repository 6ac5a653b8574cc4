import { createHash } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header } from 'tar-stream';
import { sha256 } from '../core/digest.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';

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

/** An entry of a root file system: its path without a leading slash, and a description of its type, owner and content. */
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

/** Lists a root file system from a tar of a bootstrap or a container. */
export async function listRootFileSystem(archive: Readable): Promise<RootListing> {
  const entries: RootEntry[] = [];
  const dpkgLists = new Map<string, string>();
  await eachEntry(archive, async (header, content) => {
    const sums = [createHash('sha256'), createHash('md5')] as const;
    const kept: Buffer[] = [];
    const isList = /^var\/lib\/dpkg\/info\/.*\.(list|md5sums)$/.test(header.name);
    for await (const chunk of content as AsyncIterable<Buffer>) {
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
      return;
    }
    const owner = `${(header.mode & 0o7777).toString(8)} ${header.uid}:${header.gid}`;
    const description = `${type} ${owner} ${type === 'file' ? digest : linkname}`.trimEnd();
    entries.push({ path, description, md5: type === 'file' ? md5 : undefined });
  });
  entries.sort((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
  const text = entries.map(({ path, description }) => `${path}\0${description}\n`).join('');
  return { entries, digest: `sha256:${sha256(text)}`, dpkgLists };
}

/** Copies a tar of a root file system without the entries that depend on the host, and with the same date for every entry. */
export function withoutHost(archive: Readable): Readable {
  const out = pack();
  const copy = async (): Promise<void> => {
    await eachEntry(archive, async (header, content) => {
      const { name, type, mode, uid, gid, size, linkname } = header;
      const mtime = new Date(SOURCE_DATE_EPOCH * 1000);
      const sink = out.entry({
        ...{ name, type, mode, uid, gid, mtime },
        ...(type === 'file' ? { size } : {}),
        ...((linkname as string | null) === null ? {} : { linkname }),
      });
      if (type === 'file') await pipeline(content, sink as unknown as NodeJS.WritableStream);
      else await discard(content);
    });
    out.finalize();
  };
  copy().catch((error: unknown) => {
    out.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  // tar-stream returns a streamx stream; Node's functions need a Node stream.
  return Readable.from(out, { objectMode: false });
}

/** Calls `take` for each entry that does not depend on the host, with its name in the form of `RootEntry`. */
async function eachEntry(
  archive: Readable,
  take: (header: Header, content: Readable) => Promise<void>,
): Promise<void> {
  const reader = extract();
  archive.on('error', (error) => {
    reader.destroy(error);
  });
  archive.pipe(reader);
  for await (const entry of reader) {
    const name = cleanName(entry.header.name);
    const content = Readable.from(entry, { objectMode: false });
    if (name === '' || OF_THE_HOST.some((pattern) => pattern.test(name))) await discard(content);
    else await take({ ...entry.header, name }, content);
  }
}

function cleanName(name: string): string {
  return name.replace(/^(\.?\/)+/, '').replace(/\/$/, '');
}

async function discard(content: Readable): Promise<void> {
  await pipeline(
    content,
    new Writable({
      write: (_chunk, _encoding, done) => {
        done();
      },
    }),
  );
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

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Header } from 'tar-stream';
import { sha256 } from '../core/digest.js';
import { StageError } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import { packTree } from '../tree/pack-tree.js';
import { openContent, type TreeEntry } from '../tree/tree-entry.js';
import { debName, type DebianPackage } from './debian-package.js';
import { readDeb } from './read-deb.js';

/** A package, and the path of its file. */
export interface FetchedPackage {
  readonly file: DebianPackage;
  readonly path: string;
}

/**
 * A description of each entry of a root file system, by path: `file 644 0:0 SHA256`, `symlink 777 0:0 TARGET`,
 * `directory 755 0:0`. Dates are left out.
 */
export type RootListing = ReadonlyMap<string, string>;

/** What an entry of a tar is made from. */
interface NewEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkname?: string;
  readonly size?: number;
}

/** Folders that are links into `usr` since Debian 12, whatever a package has in them (`usrmerge`). */
const MERGED = /^(bin|sbin|lib|lib32|lib64|libx32)(?=\/|$)/;

/** The links of these folders, which no package of Debian 12 has. */
const MERGED_LINKS = ['bin', 'sbin', 'lib', 'lib64'].map((name): TreeEntry => ({
  type: 'symlink',
  path: name,
  target: `usr/${name}`,
}));

/** What compiling does not need: a third of the packages' files. */
const LEFT_OUT =
  /^usr\/share\/(doc|man|info|locale|lintian|bash-completion|zsh|vim|emacs|gdb|applications|icons|pixmaps|bug)\//;

/**
 * Unpacks packages into a tar of a root file system, without its end: `openRoot` appends the rest. Runs nothing of theirs: the
 * result depends on their bytes alone. All entries have one date. Returns the listing.
 *
 * Throws StageError if two packages have different files of one name, and for a file that is not a package.
 */
export async function writeRoot(to: string, packages: readonly FetchedPackage[]): Promise<RootListing> {
  const listing = new Map<string, string>();
  const archive = pack();
  const add = async (header: NewEntry, content: AsyncIterable<Uint8Array> | undefined): Promise<void> => {
    const sum = createHash('sha256');
    const sink = archive.entry({ ...header, mtime: new Date(SOURCE_DATE_EPOCH * 1000) });
    if (content !== undefined) {
      const hashed = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of content) {
          sum.update(chunk);
          yield chunk;
        }
      };
      await pipeline(hashed, sink as unknown as NodeJS.WritableStream);
    }
    const { name, type, mode, uid, gid, linkname = '' } = header;
    listing.set(
      name,
      describe({
        type,
        mode,
        owner: `${uid}:${gid}`,
        content: type === 'file' ? sum.digest('hex') : linkname,
      }),
    );
  };
  const fill = async (): Promise<void> => {
    const status: string[] = [];
    for (const { file, path } of packages) {
      const deb = await readDeb(path, debName(file));
      status.push(`${deb.control}\nStatus: install ok installed\n`);
      for await (const { header, content } of deb.entries()) {
        const name = rootName(header.name);
        // Since Debian 13 a package has the links itself.
        if (name === '' || LEFT_OUT.test(name) || isMergedLink(header)) continue;
        const { type, mode, uid, gid, size } = header;
        const target = (header.linkname as string | null | undefined) ?? '';
        if (type !== 'file' && type !== 'directory' && type !== 'symlink' && type !== 'link')
          throw new StageError(`${debName(file)} has a special file: ${name}`);
        if (listing.has(name)) {
          if (type === 'directory') continue;
          throw new StageError(`two Debian packages have a file ${name}: the second is ${debName(file)}`);
        }
        const owned = { name, mode, uid, gid };
        if (type === 'file') await add({ ...owned, type, size }, content);
        else if (type === 'directory') await add({ ...owned, type }, undefined);
        else await add({ ...owned, type, linkname: type === 'link' ? rootName(target) : target }, undefined);
      }
    }
    // dpkg's own list, by which the packages of an image are found.
    const list = Buffer.from(status.join('\n'));
    const path = 'var/lib/dpkg/status';
    await add(
      { name: path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: list.length },
      Readable.from([list]),
    );
  };
  const filled = fill().then(
    () => archive.push(null),
    (error: unknown) => {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    },
  );
  await Promise.all([filled, pipeline(Readable.from(archive, { objectMode: false }), createWriteStream(to))]);
  return listing;
}

/** Opens the tar that `writeRoot` wrote, with the links of merged folders and the entries of a tree behind it, owned by root. */
export function openRoot(path: string, added: readonly TreeEntry[]): Readable {
  const both = async function* (): AsyncGenerator<Uint8Array> {
    yield* createReadStream(path, { highWaterMark: 1024 ** 2 }) as AsyncIterable<Uint8Array>;
    yield* packTree([...MERGED_LINKS, ...added], { owner: 0 }) as AsyncIterable<Uint8Array>;
  };
  return Readable.from(both(), { objectMode: false });
}

/** Lists what `openRoot` appends, as `writeRoot` lists the rest. */
export async function listAdded(added: readonly TreeEntry[]): Promise<RootListing> {
  const listing = new Map<string, string>();
  for (const entry of [...MERGED_LINKS, ...added]) {
    const { type } = entry;
    const mode = type === 'symlink' ? 0o777 : entry.mode;
    let content = type === 'symlink' ? entry.target : '';
    if (type === 'file') {
      const sum = createHash('sha256');
      for await (const chunk of openContent(entry) as AsyncIterable<Uint8Array>) sum.update(chunk);
      content = sum.digest('hex');
    }
    listing.set(entry.path, describe({ type, mode, owner: '0:0', content }));
  }
  return listing;
}

/** Returns the digest of a root file system (`sha256:…`), which does not depend on the order of its entries. */
export function rootDigest(...listings: readonly RootListing[]): string {
  const lines = listings.flatMap((listing) => [...listing]).map(([path, text]) => `${path}\0${text}\n`);
  return `sha256:${sha256(lines.sort().join(''))}`;
}

function describe(entry: {
  readonly type: string;
  readonly mode: number;
  readonly owner: string;
  readonly content: string;
}): string {
  return `${entry.type} ${(entry.mode & 0o7777).toString(8)} ${entry.owner} ${entry.content}`.trimEnd();
}

function isMergedLink({ name, type }: Pick<Header, 'name' | 'type'>): boolean {
  return type === 'symlink' && MERGED.exec(cleanName(name))?.[0] === cleanName(name);
}

/** Returns the path of an entry in the root file system, with the folders of programs and libraries below `usr`. */
function rootName(name: string): string {
  return cleanName(name).replace(MERGED, 'usr/$1');
}

function cleanName(name: string): string {
  return name.replace(/^(\.?\/)+/, '').replace(/\/$/, '');
}

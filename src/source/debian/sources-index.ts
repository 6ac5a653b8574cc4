import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { isSha256, type Sha256 } from '../../core/digest.js';

/** A tarball that a revision of a source package consists of. */
export interface Revision {
  readonly sha256: Sha256;
  readonly suite: string;
  readonly package: string;
  readonly version: string;
  readonly file: string;
}

/**
 * The upstream tarballs of one `Sources` index of an archive (Debian's repository format), read as a stream:
 * the index of a suite is 50 MB and more, of which only the lines that matter become text.
 */
export async function* readSourcesIndex(
  chunks: AsyncIterable<Buffer>,
  suite: string,
): AsyncGenerator<Revision, void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf('\n\n'); end >= 0; end = bytes.indexOf('\n\n', from)) {
      yield* revisionsOf(bytes.subarray(from, end), suite);
      from = end + 2;
    }
    rest = bytes.subarray(from);
  }
  yield* revisionsOf(rest, suite);
}

function* revisionsOf(stanza: Buffer, suite: string): Generator<Revision, void> {
  const start = fieldEnd(stanza, 'Checksums-Sha256');
  const name = valueAt(stanza, fieldEnd(stanza, 'Package'));
  const version = valueAt(stanza, fieldEnd(stanza, 'Version'));
  if (start < 0 || name === '' || version === '') return;
  for (
    let at = stanza.indexOf('\n', start);
    at >= 0 && stanza[at + 1] === SPACE;
    at = stanza.indexOf('\n', at + 1)
  ) {
    const [digest = '', , file = ''] = valueAt(stanza, at + 1).split(' ');
    // Debian's own changes are not an upstream tarball, nor is a signature.
    if (!/\.tar\.[a-z0-9]+$/.test(file) || /\.debian\.tar\.[a-z0-9]+$/.test(file)) continue;
    if (isSha256(digest)) yield { sha256: digest, suite, package: name, version, file };
  }
}

const SPACE = 0x20;

/** Just behind `Name:` at the start of a line; -1 when there is no such field. */
function fieldEnd(stanza: Buffer, name: string): number {
  const first = `${name}:`;
  if (stanza.subarray(0, first.length).equals(Buffer.from(first))) return first.length;
  const at = stanza.indexOf(`\n${first}`);
  return at < 0 ? -1 : at + first.length + 1;
}

/** The rest of the line. */
function valueAt(stanza: Buffer, at: number): string {
  if (at < 0) return '';
  const end = stanza.indexOf('\n', at);
  return stanza.toString('utf8', at, end < 0 ? undefined : end).trim();
}

/** One line of the table that keeps what the indexes say: fields that hold no spaces, the digest first. */
export function revisionLine(revision: Revision): string {
  return `${revision.sha256} ${revision.suite} ${revision.package} ${revision.version} ${revision.file}\n`;
}

/** The revisions in such a table that have the file with the digest; the table is a few megabytes. */
export async function findRevisions(chunks: AsyncIterable<Buffer>, digest: Sha256): Promise<Revision[]> {
  const found: Revision[] = [];
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const table = Buffer.concat([rest, chunk]);
    const whole = table.lastIndexOf('\n') + 1;
    for (
      let at = table.indexOf(digest);
      at >= 0 && at < whole;
      at = table.indexOf(digest, at + digest.length)
    ) {
      const line = table.toString('utf8', at, table.indexOf('\n', at));
      const [, suite, name, version, file] = line.split(' ');
      if (suite === undefined || name === undefined || version === undefined || file === undefined) continue;
      found.push({ sha256: digest, suite, package: name, version, file });
    }
    rest = table.subarray(whole);
  }
  return found;
}

/** Those of the names that are source packages in such a table. */
export async function findPackages(
  input: Readable,
  names: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const line of createInterface({ input })) {
    const [, , name = ''] = line.split(' ', 3);
    if (names.has(name)) found.add(name);
  }
  return found;
}

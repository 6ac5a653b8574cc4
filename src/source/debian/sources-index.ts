import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { isSha256, type Sha256 } from '../../core/digest.js';

/** A tarball of a revision of a source package. */
export interface Revision {
  readonly sha256: Sha256;
  readonly suite: string;
  readonly package: string;
  readonly version: string;
  readonly file: string;
}

/**
 * Reads the upstream tarballs of one `Sources` index (Debian's repository format) from a stream. The index of a suite has
 * 50 MB or more, so only the relevant lines are decoded.
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
    // Skip Debian's own changes and signatures: they are not upstream tarballs.
    if (!/\.tar\.[a-z0-9]+$/.test(file) || /\.debian\.tar\.[a-z0-9]+$/.test(file)) continue;
    if (isSha256(digest)) yield { sha256: digest, suite, package: name, version, file };
  }
}

const SPACE = 0x20;

/** Returns the offset after `Name:` at the start of a line, or -1 if there is no such field. */
function fieldEnd(stanza: Buffer, name: string): number {
  const first = `${name}:`;
  if (stanza.subarray(0, first.length).equals(Buffer.from(first))) return first.length;
  const at = stanza.indexOf(`\n${first}`);
  return at < 0 ? -1 : at + first.length + 1;
}

/** Returns the rest of the line. */
function valueAt(stanza: Buffer, at: number): string {
  if (at < 0) return '';
  const end = stanza.indexOf('\n', at);
  return stanza.toString('utf8', at, end < 0 ? undefined : end).trim();
}

/** Formats one line of the table of revisions. Fields contain no spaces; the digest is first. */
export function revisionLine(revision: Revision): string {
  return `${revision.sha256} ${revision.suite} ${revision.package} ${revision.version} ${revision.file}\n`;
}

/** Finds the revisions in such a table that have the file with the digest. The table has a few megabytes. */
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

/** Returns the names that are source packages in such a table. */
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

import { gzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';

/** An entry of a package; a file unless it has another type. */
export type DebEntry = Parameters<ReturnType<typeof pack>['entry']>[0] & { readonly content?: string };

async function tarOf(entries: readonly DebEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of entries) {
    if (header.type === undefined || header.type === 'file') archive.entry(header, content ?? '');
    else archive.entry(header);
  }
  archive.finalize();
  return buffer(Readable.from(archive, { objectMode: false }));
}

/** Creates a .deb (deb(5)) of the entries, whose names are spelled as dpkg spells them: `./usr/bin/x`. */
export async function debOf(
  control: string,
  entries: readonly DebEntry[],
  compression: 'gz' | 'none' | 'lz4' = 'gz',
): Promise<Buffer> {
  const data = await tarOf(entries);
  const ending = { gz: '.gz', none: '', lz4: '.lz4' }[compression];
  return arOf([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(await tarOf([{ name: './control', content: `${control}\n` }]))],
    [`data.tar${ending}`, compression === 'gz' ? gzipSync(data) : data],
  ]);
}

/** Creates an `ar` archive. */
export function arOf(members: readonly (readonly [name: string, bytes: Buffer])[]): Buffer {
  const parts = members.flatMap(([name, bytes]) => [
    Buffer.from(
      `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`,
    ),
    bytes,
    Buffer.alloc(bytes.length % 2, '\n'),
  ]);
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

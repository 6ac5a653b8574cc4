import { Readable } from 'node:stream';

import { extract, pack, type Header } from 'tar-stream';

/** One entry of a tar to make: its header, and its content where it is a file. */
export interface TarEntry extends Partial<Header> {
  readonly name: string;
  readonly content?: string | Buffer;
}

/** A tar as a stream of Node's (tar-stream's own is not one). */
export function tarOf(entries: readonly TarEntry[]): Readable {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry({ mtime: new Date(0), ...header }, content ?? '');
  tar.finalize();
  return Readable.from(tar, { objectMode: false });
}

/** One entry of a tar that was read. */
export type ReadEntry = Header & { readonly content: Buffer };

/** All entries of a small tar, with their content. Rejects with the stream's error. */
export async function readTar(archive: Readable): Promise<readonly ReadEntry[]> {
  const entries: ReadEntry[] = [];
  const extracted = extract();
  const feed = async (): Promise<void> => {
    for await (const chunk of archive as AsyncIterable<Buffer>) extracted.write(chunk);
    extracted.end(null);
  };
  const read = async (): Promise<void> => {
    for await (const entry of extracted) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
      entries.push({ ...entry.header, content: Buffer.concat(chunks) });
    }
  };
  await Promise.all([
    feed().catch((error: unknown) => {
      extracted.destroy();
      throw error;
    }),
    read(),
  ]);
  return entries;
}

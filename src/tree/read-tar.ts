import type { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';

/** An entry of a tar that is being read. */
export interface TarEntry {
  readonly header: Header;
  /** Its bytes. Bytes that are not read before the next entry is requested are skipped. */
  readonly content: AsyncIterable<Buffer>;
}

/**
 * Reads the entries of a tar in their order. Leaving the loop early closes the source. Throws what the source throws, and
 * tar-stream's errors for bytes that are not a tar.
 */
export async function* readTar(source: Readable): AsyncGenerator<TarEntry, void> {
  const reader = extract();
  let broken: Error | undefined;
  reader.on('error', (error) => {
    broken ??= error;
  });
  source.on('error', (error) => {
    reader.destroy(error);
  });
  try {
    if (source.errored !== null) throw source.errored;
    // tar-stream drops entries that arrive before its iterator exists. Do not await anything in between.
    source.pipe(reader);
    for await (const entry of reader) {
      const content = contentOf(entry, () => broken);
      yield { header: entry.header, content };
      entry.resume();
    }
  } finally {
    source.unpipe(reader);
    source.destroy();
  }
}

/** Yields an entry's bytes. If the tar is broken, throws the reader's error, which has the reason. */
async function* contentOf(
  entry: AsyncIterable<unknown>,
  reason: () => Error | undefined,
): AsyncGenerator<Buffer, void> {
  try {
    yield* entry as AsyncIterable<Buffer>;
  } catch (error) {
    throw reason() ?? error;
  }
}

/** Reads the first entry whose name `isWanted` accepts. Undefined if there is none. Closes the source. */
export async function readTarFile(
  source: Readable,
  isWanted: (name: string) => boolean,
): Promise<Buffer | undefined> {
  for await (const { header, content } of readTar(source)) {
    if (!isWanted(header.name)) continue;
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
  return undefined;
}

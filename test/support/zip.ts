import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

import { open, type Entry, type ZipFile } from 'yauzl';

const openZip = promisify<string, { lazyEntries: boolean }, ZipFile>(open);

/** One entry of a zip that was read, with the mode that Info-ZIP would give it: `0100755`. */
export interface ZipEntry {
  readonly name: string;
  readonly mode: string;
  readonly date: string;
  readonly content: Buffer;
}

/** All entries of a zip in its order, read without any code of the product. */
export async function readZipEntries(path: string): Promise<readonly ZipEntry[]> {
  const zip = await openZip(path, { lazyEntries: false });
  const found: Entry[] = [];
  zip.on('entry', (entry) => found.push(entry));
  await new Promise((resolve, reject) => zip.on('end', resolve).on('error', reject));
  // The zip closes itself after its last entry.
  const again = await openZip(path, { lazyEntries: true });
  const openEntry = promisify(again.openReadStream.bind(again) as (
    entry: Entry,
    callback: (error: Error | null, stream: NodeJS.ReadableStream) => void,
  ) => void);
  const entries: ZipEntry[] = [];
  for (const entry of found) {
    const content = entry.fileName.endsWith('/') ? Buffer.alloc(0) : await buffer(await openEntry(entry));
    if (crc32(content) !== entry.crc32) throw new Error(`${path}: the checksum of ${entry.fileName} is wrong`);
    entries.push({
      name: entry.fileName,
      mode: (entry.externalFileAttributes >>> 16).toString(8).padStart(7, '0'),
      date: entry.getLastModDate({ forceDosFormat: true, timezone: 'UTC' }).toISOString(),
      content,
    });
  }
  again.close();
  return entries;
}

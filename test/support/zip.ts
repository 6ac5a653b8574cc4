import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

import { open, type Entry, type ZipFile } from 'yauzl';

const openZip = promisify<string, { lazyEntries: boolean; autoClose: boolean }, ZipFile>(open);

/** One entry of a zip that was read, with the mode that Info-ZIP would give it: `0100755`. */
export interface ZipEntry {
  readonly name: string;
  readonly mode: string;
  readonly date: string;
  readonly content: Buffer;
}

/** All entries of a zip in its order, read without any code of the product; checksums must be right. */
export async function readZipEntries(path: string): Promise<readonly ZipEntry[]> {
  const zip = await openZip(path, { lazyEntries: false, autoClose: false });
  try {
    const found: Entry[] = [];
    zip.on('entry', (entry: Entry) => found.push(entry));
    await new Promise((resolve, reject) => zip.on('end', resolve).on('error', reject));
    const entries: ZipEntry[] = [];
    for (const entry of found) {
      const content = entry.fileName.endsWith('/') ? Buffer.alloc(0) : await contentOf(zip, entry);
      if (crc32(content) !== entry.crc32) throw new Error(`${path}: wrong checksum of ${entry.fileName}`);
      entries.push({
        name: entry.fileName,
        mode: (entry.externalFileAttributes >>> 16).toString(8).padStart(7, '0'),
        date: entry.getLastModDate({ forceDosFormat: true, timezone: 'UTC' }).toISOString(),
        content,
      });
    }
    return entries;
  } finally {
    zip.close();
  }
}

function contentOf(zip: ZipFile, entry: Entry): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error === null) buffer(stream).then(resolve, reject);
      else reject(error);
    });
  });
}

import { open } from 'node:fs/promises';
import type { TreeEntry } from '../core/tar.js';
import { ElfError, type RandomAccess } from './elf-bytes.js';

/** An entry's bytes, to be read in parts. Leaving its scope closes the file they are in. */
export async function openEntry(
  entry: TreeEntry & { readonly type: 'file' },
): Promise<RandomAccess & AsyncDisposable> {
  const { content, sizeBytes } = entry;
  if ('bytes' in content)
    return { ...inMemory(content.bytes), [Symbol.asyncDispose]: () => Promise.resolve() };
  const handle = await open(content.file, 'r');
  return {
    size: sizeBytes,
    async read(offset, length) {
      const bytes = Buffer.allocUnsafe(length);
      for (let done = 0; done < length;) {
        const { bytesRead } = await handle.read(bytes, done, length - done, content.start + offset + done);
        // It became shorter since it was looked at.
        if (bytesRead === 0) throw new ElfError(`${entry.path} ends at ${offset + done}`);
        done += bytesRead;
      }
      return bytes;
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

export function inMemory(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/** A part of a file as a file of its own: a member of an archive. */
export function partOf(file: RandomAccess, offset: number, size: number): RandomAccess {
  return { size, read: (at, length) => file.read(offset + at, length) };
}

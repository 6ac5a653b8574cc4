import { open } from 'node:fs/promises';
import { ElfError, type RandomAccess } from '../elf/elf-bytes.js';
import { inMemory } from '../elf/random-access.js';
import type { TreeEntry } from './tree-entry.js';

/** Opens an entry's bytes for random access. Leaving its scope closes the file that holds them. */
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
        // The file was truncated after its size was read.
        if (bytesRead === 0) throw new ElfError(`${entry.path} ends at ${offset + done}`);
        done += bytesRead;
      }
      return bytes;
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

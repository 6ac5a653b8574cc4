import type { RandomAccess } from './elf-bytes.js';

/** Provides random access to bytes in memory. */
export function inMemory(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/** Provides random access to a part of a file, such as a member of an archive. */
export function partOf(file: RandomAccess, offset: number, size: number): RandomAccess {
  return { size, read: (at, length) => file.read(offset + at, length) };
}

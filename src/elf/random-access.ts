import type { RandomAccess } from './elf-bytes.js';

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

import { open } from 'node:fs/promises';

/** Writes many small pieces to a file as few large ones. */
export interface ByteSink extends AsyncDisposable {
  /** How many bytes came so far: where the next one goes in the file. */
  position(): number;
  /** Takes bytes. Returns a promise when it has to wait for the disk: until then they must not change. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Writes what still waits. */
  flush(): Promise<void>;
}

/** So many bytes are collected before they are written; a larger piece is written by itself, without a copy. */
const WRITE_BYTES = 1024 ** 2;

/** Opens a file for writing, emptied. The sink's functions throw the disk's errors. */
export async function openSink(path: string): Promise<ByteSink> {
  const file = await open(path, 'w');
  let position = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    await file.writeFile(bytes);
  };
  return {
    position: () => position,
    write(bytes) {
      position += bytes.length;
      if (bytes.length >= WRITE_BYTES) return flush().then(() => file.writeFile(bytes));
      waitingBytes += bytes.length;
      waiting.push(Buffer.from(bytes));
      return waitingBytes >= WRITE_BYTES ? flush() : undefined;
    },
    flush,
    [Symbol.asyncDispose]: () => file.close(),
  };
}

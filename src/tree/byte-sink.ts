import { open } from 'node:fs/promises';

/** Buffers many small writes to a file into few large ones. */
export interface ByteSink extends AsyncDisposable {
  /** Returns how many bytes were written so far: the offset of the next one. */
  position(): number;
  /** Writes bytes. Returns a promise if it has to wait for the disk; the bytes must not change until it resolves. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Writes the buffered bytes. */
  flush(): Promise<void>;
}

/** Size of the buffer. A larger piece is written directly, without a copy. */
const WRITE_BYTES = 1024 ** 2;

/** Opens a file for writing and truncates it. The sink's functions throw the file system's errors. */
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

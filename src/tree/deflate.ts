import { InternalError, LayerError } from '../core/errors.js';
import { readPrebuilt } from '../core/prebuilt.js';

/** Deflates one buffer after another (RFC 1951): the same bytes on every machine. */
export interface Deflater {
  /**
   * Room for `sizeBytes` bytes of input, to be filled by the caller. What earlier calls returned is no longer valid. Throws
   * LayerError when there is not enough memory: 4 GB is the most.
   */
  input(sizeBytes: number): Uint8Array;
  /** Deflates the last input, whose room is used for the result: it is valid until the next call of `input`. */
  deflate(): Uint8Array;
}

/** What `native/deflate/deflate.c` exports. Addresses and sizes are signed here, and unsigned there. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly input: (size: number) => number;
  readonly output: () => number;
  readonly deflate: (size: number) => number;
}

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Opens libdeflate, compiled to WebAssembly, as Node's own zlib gives other bytes in other builds. Its memory grows to the
 * largest input and 1 MB more, and is freed with the deflater. Throws IntegrityError when the program is missing or damaged.
 */
export async function openDeflater(): Promise<Deflater> {
  compiled ??= readPrebuilt('deflate.wasm').then((bytes) => WebAssembly.compile(bytes));
  const instance = await WebAssembly.instantiate(await compiled);
  const { memory, input, output, deflate } = instance.exports as unknown as Exports;
  let sizeBytes = 0;
  return {
    input(size) {
      const address = input(size) >>> 0;
      if (address === 0) throw new LayerError(`not enough memory to deflate a file of ${size} bytes`);
      sizeBytes = size;
      return new Uint8Array(memory.buffer, address, size);
    },
    deflate() {
      const length = deflate(sizeBytes) >>> 0;
      if (length === 0) throw new InternalError(`libdeflate could not deflate ${sizeBytes} bytes`);
      return new Uint8Array(memory.buffer, output() >>> 0, length);
    },
  };
}

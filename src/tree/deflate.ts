import { InternalError, LayerError } from '../core/errors.js';
import { readPrebuilt } from '../core/prebuilt.js';

/** Deflates one buffer after another (RFC 1951), with the same bytes on every machine. */
export interface Deflater {
  /**
   * Returns a buffer of `sizeBytes` bytes for the input, which the caller fills. It invalidates what earlier calls returned.
   * Throws LayerError if there is not enough memory; the maximum is 4 GB.
   */
  input(sizeBytes: number): Uint8Array;
  /** Deflates the last input in place. The result is valid until the next call of `input`. */
  deflate(): Uint8Array;
}

/** The exports of `native/deflate/deflate.c`. Addresses and sizes are signed here and unsigned there. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly input: (size: number) => number;
  readonly output: () => number;
  readonly deflate: (size: number) => number;
}

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Opens libdeflate, compiled to WebAssembly. Node's own zlib produces other bytes in other builds. The memory grows to the
 * largest input plus 1 MB and is freed with the deflater. Throws IntegrityError if the program is missing or damaged.
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

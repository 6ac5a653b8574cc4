import { LayerError } from '../core/errors.js';

/** A file that starts as ELF (or as an archive) but violates its format. The message says where. */
export class ElfError extends LayerError {}

/** A file that can be read in parts. `read` is called only with ranges inside `size`, and returns exactly `length` bytes. */
export interface RandomAccess {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Far more than any table of a real file; prevents a hostile size from allocating memory. */
const MAX_TABLE_BYTES = 64 * 1024 * 1024;
/** PATH_MAX. Without a limit, many hostile entries that refer to one huge text would cost time and memory. */
const MAX_TEXT_BYTES = 4096;

/** A bounds-checked part of an ELF file: every read outside it throws `ElfError`. */
export class ElfTable {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  /** The size in bytes. */
  get size(): number {
    return this.#bytes.length;
  }

  /** Reads a little-endian 16-bit number. */
  u16(offset: number): number {
    return this.#view.getUint16(this.#inside(offset, 2), true);
  }

  /** Reads a little-endian 32-bit number. */
  u32(offset: number): number {
    return this.#view.getUint32(this.#inside(offset, 4), true);
  }

  /** Reads a little-endian 64-bit number. Values above 2^53 lose their low bits; as offsets they fail the bounds check anyway. */
  u64(offset: number): number {
    return Number(this.#view.getBigUint64(this.#inside(offset, 8), true));
  }

  /** Reads the NUL-terminated text at `offset`, one character per byte, so that no byte is lost. */
  text(offset: number): string {
    const start = this.#inside(offset, 1);
    const text = this.#bytes.subarray(start, start + MAX_TEXT_BYTES);
    const end = text.indexOf(0);
    if (end < 0)
      throw new ElfError(`${this.#what}: the text at ${offset} has no end within ${MAX_TEXT_BYTES} bytes`);
    return Buffer.from(text.subarray(0, end)).toString('latin1');
  }

  #inside(offset: number, length: number): number {
    if (offset < 0 || offset + length > this.#bytes.length) {
      throw new ElfError(`${this.#what}: offset ${offset} is outside its ${this.#bytes.length} bytes`);
    }
    return offset;
  }
}

/** Reads `length` bytes at `offset` as a table. Throws `ElfError` if they are not all in the file, or too many. */
export async function readTable(
  file: RandomAccess,
  range: { readonly offset: number; readonly length: number; readonly what: string },
): Promise<ElfTable> {
  const { offset, length, what } = range;
  if (offset < 0 || length < 0 || offset + length > file.size) {
    throw new ElfError(`${what}: ${length} bytes at ${offset} exceed the file of ${file.size} bytes`);
  }
  if (length > MAX_TABLE_BYTES) throw new ElfError(`${what}: too large (${length} bytes)`);
  return new ElfTable(await file.read(offset, length), what);
}

import { LayerError } from '../core/errors.js';

/** A file that claims to be ELF and breaks its own format: the message says where. */
export class ElfError extends LayerError {}

/** Reads parts of a file. `read` is asked only for ranges inside `size`, and answers with exactly `length` bytes. */
export interface RandomAccess {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** No table that we read of an honest file comes near this; a hostile size must not become memory. */
const MAX_TABLE_BYTES = 64 * 1024 * 1024;
/** PATH_MAX: without a limit, many hostile entries that name one huge text would become time and memory. */
const MAX_TEXT_BYTES = 4096;

/** A checked part of an ELF file: every look outside it is an `ElfError`. */
export class ElfTable {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get size(): number {
    return this.#bytes.length;
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#inside(offset, 2), true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#inside(offset, 4), true);
  }

  /** Values past 2^53 lose their low bits: as an offset they fail the bounds check all the same. */
  u64(offset: number): number {
    return Number(this.#view.getBigUint64(this.#inside(offset, 8), true));
  }

  /** The NUL-terminated text at `offset`; one byte is one character, so that no byte is lost. */
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

/** Reads `length` bytes at `offset` as a table; `ElfError` when they are not all in the file, or too many. */
export async function readTable(
  file: RandomAccess,
  range: { readonly offset: number; readonly length: number; readonly what: string },
): Promise<ElfTable> {
  const { offset, length, what } = range;
  if (offset < 0 || length < 0 || offset + length > file.size) {
    throw new ElfError(`${what}: ${length} bytes at ${offset} are not in a file of ${file.size} bytes`);
  }
  if (length > MAX_TABLE_BYTES) throw new ElfError(`${what}: ${length} bytes are too many`);
  return new ElfTable(await file.read(offset, length), what);
}

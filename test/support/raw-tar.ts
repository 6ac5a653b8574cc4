import { Readable } from 'node:stream';

/** A header as it stands in a tar, for what no decent program writes. */
export interface RawEntry {
  readonly name: string;
  /** The type flag: `0` file, `1` hard link, `2` symlink, `3` device, `5` directory, `6` FIFO. */
  readonly type?: string;
  readonly linkname?: string;
  readonly mode?: number;
  /** What the header says; else the content's. */
  readonly size?: number | string;
  readonly content?: string;
}

/** A tar of such entries, byte by byte as they say. */
export function rawTar(entries: readonly RawEntry[]): Readable {
  const blocks = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? '');
    return [header(entry, content.length), content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Readable.from([Buffer.concat([...blocks, Buffer.alloc(1024)])], { objectMode: false });
}

function header(entry: RawEntry, contentBytes: number): Buffer {
  const block = Buffer.alloc(512);
  const size = entry.size ?? contentBytes;
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')} `;
  block.write(entry.name, 0, 100);
  block.write(octal(entry.mode ?? 0o644, 6), 100);
  block.write(octal(0, 6), 108);
  block.write(octal(0, 6), 116);
  block.write(typeof size === 'string' ? size : octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write('        ', 148);
  block.write(entry.type ?? '0', 156);
  block.write(entry.linkname ?? '', 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  block.write(
    octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    ),
    148,
  );
  return block;
}

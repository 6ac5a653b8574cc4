import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import xz from 'xz-decompress';
import { StageError } from '../core/errors.js';
import { inMemory } from '../elf/random-access.js';
import { readArchive } from '../elf/read-archive.js';
import { readTar, readTarFile, type TarEntry } from '../tree/read-tar.js';

/** A binary package of Debian (deb(5)). */
export interface DebFile {
  /** The paragraph of its `control` file, without a line break at its end. */
  readonly control: string;
  /** Reads the entries that it installs, in its order. */
  readonly entries: () => AsyncGenerator<TarEntry, void>;
}

/** Reads a .deb file. Throws StageError if it is not one, or is compressed in another way than with xz or gzip. */
export async function readDeb(path: string, name: string): Promise<DebFile> {
  const bytes = await readFile(path);
  const members = await readArchive(inMemory(bytes)).catch(() => undefined);
  const open = (part: 'control' | 'data'): Readable => {
    const member = members?.find((one) => one.name.startsWith(`${part}.tar`));
    if (member === undefined) throw damaged(name, `it has no ${part}.tar`);
    const packed = bytes.subarray(member.offset, member.offset + member.sizeBytes);
    if (member.name.endsWith('.xz')) return Readable.from(unpackXz(packed), { objectMode: false });
    if (member.name.endsWith('.gz')) return Readable.from([packed]).pipe(createGunzip());
    if (member.name.endsWith('.tar')) return Readable.from([packed]);
    throw damaged(name, `${member.name} is compressed in an unknown way`);
  };
  const control = await readTarFile(open('control'), (file) => /^(\.\/)?control$/.test(file));
  if (control === undefined) throw damaged(name, 'it has no control file');
  return { control: control.toString().trimEnd(), entries: () => readTar(open('data')) };
}

/** A WebAssembly instance decompresses each stream: the same result on every machine, and no program is needed. */
async function* unpackXz(packed: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array> {
  yield* new xz.XzReadableStream(new Blob([packed]).stream());
}

function damaged(name: string, reason: string): StageError {
  return new StageError(`cannot read the Debian package ${name}: ${reason}`, {
    hint: 'Report it with the version of layersmith: the file has the pinned sha256, so it is not damaged.',
  });
}

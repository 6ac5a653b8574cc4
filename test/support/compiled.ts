import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './temporary-folder.js';

/** A shared library that the compiled file is linked against. */
export interface FakeLibrary {
  readonly soname: string;
  /** Its one function, and the version that it has: `GLIBC_2.99`. */
  readonly symbol: string;
  readonly version?: string;
}

/** What gcc made before in this process, by what it was asked for. */
const made = new Map<string, Promise<Buffer>>();

/**
 * What this machine's gcc makes of a C text: an ELF file of the real compiler and linker, for what an audit must see. Linked
 * against libraries that are made up for it, which define what the file needs.
 */
export async function compiled(
  source: string,
  flags: readonly string[],
  libraries: readonly FakeLibrary[] = [],
): Promise<Buffer> {
  const key = JSON.stringify([source, flags, libraries]);
  const making = made.get(key) ?? compile(source, flags, libraries);
  made.set(key, making);
  // A copy: tests damage what they get.
  return Buffer.from(await making);
}

async function compile(
  source: string,
  flags: readonly string[],
  libraries: readonly FakeLibrary[],
): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const gcc = (...args: readonly string[]): void => {
    execFileSync('gcc', args, { cwd: folder.path, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  for (const { soname, symbol, version } of libraries) {
    await folder.write({
      'fake.c': `void ${symbol}(void) {}\n`,
      'fake.map': `${version ?? 'UNUSED'} { global: ${symbol}; local: *; };\n`,
    });
    const versions = version === undefined ? [] : ['-Wl,--version-script=fake.map'];
    gcc('-shared', '-nostdlib', '-fPIC', ...versions, `-Wl,-soname,${soname}`, '-o', soname, 'fake.c');
  }
  await folder.write({ 'main.c': source });
  gcc(
    ...['-O1', '-o', 'out', 'main.c', ...flags, '-L.', '-Wl,--no-as-needed'],
    ...libraries.map(({ soname }) => `-l:${soname}`),
  );
  return await readFile(join(folder.path, 'out'));
}

/** A shared library of the layer that needs nothing of glibc, and calls the symbols of its libraries. */
export async function library(
  libraries: readonly FakeLibrary[] = [],
  flags: readonly string[] = [],
): Promise<Buffer> {
  const calls = libraries.map(({ symbol }) => `void ${symbol}(void);`).join(' ');
  const body = libraries.map(({ symbol }) => `${symbol}();`).join(' ');
  return await compiled(
    `${calls} void entry(void) { ${body} }\n`,
    ['-shared', '-nostdlib', '-fPIC', ...flags],
    libraries,
  );
}

/** A program that is position independent and has RELRO, unless the flags say otherwise. */
export async function program(
  flags: readonly string[] = [],
  libraries: readonly FakeLibrary[] = [],
): Promise<Buffer> {
  return await compiled(
    'int main(void) { return 0; }\n',
    ['-fPIE', '-pie', '-Wl,-z,relro', ...flags],
    libraries,
  );
}

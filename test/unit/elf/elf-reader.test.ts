import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ElfError } from '../../../src/elf/elf-bytes.js';
import { inMemory } from '../../../src/elf/random-access.js';
import { readArchive } from '../../../src/elf/read-archive.js';
import { readElf } from '../../../src/elf/read-elf.js';
import { readSections } from '../../../src/elf/read-sections.js';
import { readDynamicSymbols } from '../../../src/elf/read-symbols.js';
import { compiled } from '../../support/compiled.js';
import { fuzzTimes } from '../../support/fuzz-bytes.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** Programs and shared libraries of this system that are ELF. */
function elfFiles(): string[] {
  return ['/usr/bin', '/usr/lib/x86_64-linux-gnu'].flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => `${folder}/${name}`)
      .filter((file) => {
        const info = statSync(file, { throwIfNoEntry: false });
        return info?.isFile() === true && info.size > 64 && info.size < 1_000_000;
      })
      .filter((file) => readFileSync(file).readUInt32LE(0) === 0x464c457f)
      .slice(0, 150),
  );
}

/** The judge of these tests, of the package binutils: where it is missing, they fail. */
function readelf(flags: string, ...files: readonly string[]): string {
  return execFileSync('readelf', ['-W', flags, ...files], {
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
    maxBuffer: 1 << 28,
  });
}

/** What readelf prints of each of several files: one process for all of them. */
function readelfOfEach(flags: string, files: readonly string[]): ReadonlyMap<string, string> {
  const [, ...parts] = readelf(flags, ...files).split(/^\nFile: (.*)\n/m);
  return new Map(files.map((file) => [file, parts[parts.indexOf(file) + 1] ?? '']));
}

/** What `readElf` finds in a file is what readelf printed of it. */
async function expectSame(file: string, said: string): Promise<void> {
  const elf = await readElf(inMemory(readFileSync(file)));
  if (elf.kind !== 'elf64') throw new Error(`${file} is ${elf.kind}`);
  const all = (pattern: RegExp): (string | undefined)[] => [...said.matchAll(pattern)].map((m) => m[1]);
  const definitions = said.split('Version definition section')[1]?.split('\n\n')[0] ?? '';
  expect({
    file,
    needed: elf.needed,
    soname: elf.soname,
    runpath: elf.runpath,
    rpath: elf.rpath,
    pie: elf.pie,
    bindNow: elf.bindNow,
    machine: elf.machine,
    versions: elf.versionNeeds.map(({ version }) => version),
    definitions: elf.versionDefinitions,
    interpreter: elf.interpreter,
    relro: elf.relro,
    executableStack: elf.executableStack,
    textRelocations: elf.textRelocations,
  }).toEqual({
    file,
    needed: all(/\(NEEDED\).*\[(.*)\]/g),
    soname: all(/\(SONAME\).*\[(.*)\]/g)[0],
    runpath: all(/\(RUNPATH\).*\[(.*)\]/g)[0],
    rpath: all(/\(RPATH\).*\[(.*)\]/g)[0],
    pie: / Type: +DYN /.test(said) && (said.includes('program interpreter') || /Flags:.*\bPIE\b/.test(said)),
    bindNow: /\(BIND_NOW\)|BIND_NOW|Flags:.*\bNOW\b/.test(said),
    machine: 62,
    versions: all(/Name: (\S+) +Flags: .+ +Version: \d+$/gm),
    definitions: [...definitions.matchAll(/Flags: (\S+) .*Name: (\S+)$/gm)]
      .filter(([, flags]) => flags !== 'BASE')
      .map(([, , name]) => name),
    interpreter: all(/Requesting program interpreter: (.*)\]/g)[0],
    relro: said.includes('GNU_RELRO'),
    executableStack: /GNU_STACK.* RWE /.test(said) || (said.includes('GNU_STACK') ? false : undefined),
    textRelocations: said.includes('TEXTREL'),
  });
}

describe('held against readelf on real files', () => {
  const files = elfFiles();

  test('there are some hundred of them', () => {
    expect(files.length).toBeGreaterThan(200);
  });

  test('libraries, names, versions and flags are the same', async () => {
    const said = readelfOfEach('-hldVW', files);
    for (const file of files) await expectSame(file, said.get(file) ?? '');
  }, 60_000);

  test.each([
    ['a program at a fixed address', ['-no-pie', '-fno-pie']],
    ['a static one', ['-static', '-no-pie', '-fno-pie']],
    ['a static one at any address', ['-static-pie']],
    ['one with an executable stack', ['-Wl,-z,execstack']],
    ['one without RELRO', ['-Wl,-z,norelro']],
    ['one whose symbols are bound at once', ['-Wl,-z,relro,-z,now']],
    ['one with the old hash table', ['-Wl,--hash-style=sysv']],
    ['one with DT_RPATH', ['-Wl,--disable-new-dtags,-rpath,$ORIGIN/../lib']],
    ['one with DT_RUNPATH', ['-Wl,--enable-new-dtags,-rpath,/opt/lib:/opt/x']],
    ['a library with text relocations', ['-shared', '-nostdlib', '-Wl,-z,notext', '-DTEXTREL']],
    ['a library with versions of its own', ['-shared', '-Wl,-soname,libown.so.1,--default-symver']],
  ])('%s is read as readelf reads it', async (_what, flags) => {
    await using folder = await temporaryFolder();
    const source = [
      'void other(void);',
      '#ifdef TEXTREL',
      '__asm__(".text\\n.quad other\\n");',
      '#else',
      '#include <stdio.h>',
      'int main(void) { puts("x"); return 0; }',
      '#endif',
    ].join('\n');
    await folder.write({ file: await compiled(`${source}\n`, ['-fPIC', ...flags]) });
    const file = join(folder.path, 'file');
    await expectSame(file, readelf('-hldVW', file));
    const symbols = await readDynamicSymbols(inMemory(readFileSync(file)));
    const named = symbols.map(({ name, version }) =>
      // The symbol that stands for a version itself is printed without it.
      version === undefined || version === name ? name : `${name}@${version}`,
    );
    const theirs = readelf('--dyn-syms', file)
      .split('\n')
      .filter((line) => /^ +\d+: .* (GLOBAL|WEAK) /.test(line))
      .map((line) => (/(\S+?)(?: \(\d+\))?$/.exec(line)?.[1] ?? '').replace('@@', '@'));
    expect(named.sort()).toEqual(theirs.sort());
  });

  test('dynamic symbols and sections are the same', async () => {
    const some = files.filter((_, index) => index % 5 === 0);
    const [symbolsOf, sectionsOf] = [readelfOfEach('--dyn-syms', some), readelfOfEach('-SW', some)];
    for (const file of some) {
      const bytes = inMemory(readFileSync(file));
      const symbols = (await readDynamicSymbols(bytes)).map(
        ({ name, version }) => name + (version === undefined ? '' : `@${version}`),
      );
      const theirs = (symbolsOf.get(file) ?? '')
        .split('\n')
        .filter((line) => /^ +\d+: /.test(line) && !/ LOCAL /.test(line));
      expect({ file, count: symbols.length }).toEqual({ file, count: theirs.length });
      const sections = (await readSections(bytes)).map(({ name }) => name);
      const headers = [...(sectionsOf.get(file) ?? '').matchAll(/^ +\[ *\d+\] (\S+) +(\S+) /gm)]
        .filter(([, , type]) => type !== 'NOBITS' && type !== 'NULL')
        .map(([, name]) => name);
      expect({ file, sections }).toEqual({ file, sections: headers });
    }
  }, 60_000);
});

const MUTATIONS = fuzzTimes(100_000);

test(`${MUTATIONS} mutated files are read, or refused with an ElfError`, async () => {
  const bases = elfFiles()
    .map((file) => readFileSync(file))
    .filter((bytes) => bytes.length < 40_000)
    .slice(0, 8);
  expect(bases.length).toBeGreaterThan(4);
  const readers = [readElf, readDynamicSymbols, readSections, readArchive];
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  let refused = 0;
  for (let round = 0; round < MUTATIONS; round++) {
    const base = bases[round % bases.length] ?? Buffer.alloc(0);
    const undo: [number, number][] = [];
    for (let i = 0; i < 4; i++) {
      const at = random(i < 3 ? 1024 : base.length);
      undo.unshift([at, base[at] ?? 0]);
      base[at] = random(256);
    }
    const length = round % 10 === 0 ? random(base.length) : base.length;
    try {
      await readers[round % 4]?.(inMemory(base.subarray(0, length)));
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      refused++;
    }
    for (const [at, byte] of undo) base[at] = byte;
  }
  expect(refused).toBeGreaterThan(MUTATIONS / 100);
}, 120_000);

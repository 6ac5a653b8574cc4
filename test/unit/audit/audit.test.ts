import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { auditLayer, type AuditReport } from '../../../src/audit/audit-layer.js';
import { readLayerFacts } from '../../../src/audit/layer-facts.js';
import type { RuleName } from '../../../src/audit/rules.js';
import { fileEntry, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { loadAbiProfiles } from '../../../src/platform/abi-profile.js';
import { compiled, library, program } from '../../support/compiled.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// Every rule is shown on files of the real compiler and linker: one that breaks it, and one that does not.

const profiles = await loadAbiProfiles([join(PACKAGE_ROOT, 'platforms')], 'x86_64');
const BOOTSTRAP = fileEntry('bootstrap', '#!/bin/sh\n', 0o755);

interface Options {
  readonly platform?: string;
  readonly bootstrap?: TreeEntry | undefined;
  readonly needsBootstrap?: boolean;
  readonly buildPaths?: readonly string[];
  readonly zipBytes?: number;
  readonly fixedAddress?: string;
}

type Files = Readonly<Record<string, Uint8Array | string>>;

async function audit(files: Files | readonly TreeEntry[], options: Options = {}): Promise<AuditReport> {
  const { platform = 'provided.al2023', needsBootstrap = true, buildPaths = [] } = options;
  const { zipBytes, fixedAddress } = options;
  const bootstrap = 'bootstrap' in options ? options.bootstrap : BOOTSTRAP;
  const entries =
    files instanceof Array
      ? files
      : Object.entries(files).map(([path, bytes]) => fileEntry(path, bytes, 0o755));
  const facts = await readLayerFacts(
    [...(bootstrap === undefined ? [] : [bootstrap]), ...entries],
    buildPaths,
  );
  return auditLayer(facts, { profiles, platform, needsBootstrap, fixedAddress, zipBytes });
}

/** `error missing-library lib/a.so`, one for each finding. */
function brief({ findings }: AuditReport): readonly string[] {
  return findings.map(
    ({ severity, rule, path }) => `${severity} ${rule}${path === undefined ? '' : ` ${path}`}`,
  );
}

function messages({ findings }: AuditReport, rule: RuleName): readonly string[] {
  return findings.filter((finding) => finding.rule === rule).map(({ message }) => message);
}

function link(path: string, target: string): TreeEntry {
  return { type: 'symlink', path, target };
}

/** System V gABI, "Hash Table". */
function elfHash(name: string): number {
  let hash = 0;
  for (const byte of Buffer.from(name)) {
    hash = (hash << 4) + byte;
    hash = (hash ^ ((hash & 0xf0000000) >>> 24)) & 0x0fffffff;
  }
  return hash;
}

let clean: Buffer;

beforeAll(async () => {
  clean = await program();
});

test("a layer of this compiler's own output has no findings", async () => {
  const report = await audit({ 'bin/a': clean, 'lib/liba.so': await library(), 'share/x': 'text' });
  expect(report).toMatchObject({
    findings: [],
    elfFiles: 2,
    platform: 'provided.al2023',
    architecture: 'x86_64',
  });
  expect(report.unzippedBytes).toBeGreaterThan(clean.length);
});

describe('a symbol version', () => {
  const needing = (soname: string, version: string): Promise<Buffer> =>
    library([{ soname, symbol: 'newer', version }]);

  test.each([
    ['libm.so.6', 'GLIBC_2.35', 'at most 2.34'],
    ['libstdc++.so.6', 'GLIBCXX_3.4.30', 'at most 3.4.29'],
    ['libstdc++.so.6', 'CXXABI_1.3.14', 'at most 1.3.13'],
    ['libgcc_s.so.1', 'GCC_12.0.0', 'at most 7.0.0'],
    ['libc.so.6', 'GLIBC_ABI_DT_RELR', 'at most 2.34'],
    ['libc.so.6', 'GLIBC_PRIVATE', 'does not have'],
    ['libc.so.6', 'GLIBC_2.0.0.0.1', 'does not have'],
    ['libc.so.6', 'OTHER_1.0', 'does not have'],
  ])('of %s, %s, is newer than the platform has', async (soname, version, token) => {
    const report = await audit({ 'lib/a.so': await needing(soname, version) });
    expect(brief(report)).toEqual(['error symbol-version lib/a.so']);
    expect(report.findings[0]).toMatchObject({
      library: soname,
      symbols: [`newer@${version}`],
      neededBy: ['lib/a.so'],
    });
    expect(report.findings[0]?.message).toContain(version);
    expect(report.findings[0]?.message).toContain('(for newer)');
    expect(report.findings[0]?.message).toContain(token);
    expect(report.oldestPlatform).toBeUndefined();
  });

  test.each([
    ['libm.so.6', 'GLIBC_2.34'],
    ['libm.so.6', 'GLIBC_2.2.5'],
    ['libstdc++.so.6', 'GLIBCXX_3.4.29'],
    ['libstdc++.so.6', 'CXXABI_TM_1'],
    ['libstdc++.so.6', 'CXXABI_FLOAT128'],
    ['libgcc_s.so.1', 'GCC_7.0.0'],
  ])('of %s, %s, is one that the platform has', async (soname, version) => {
    expect(brief(await audit({ 'lib/a.so': await needing(soname, version) }))).toEqual([]);
  });

  test('of a newer platform is reported with that platform, and decides the oldest platform', async () => {
    const report = await audit(
      { 'lib/a.so': await needing('libc.so.6', 'GLIBC_2.28') },
      { platform: 'provided.al2' },
    );
    expect(report.findings[0]?.remedy).toContain('use provided.al2023');
    expect(report.oldestPlatform).toBe('provided.al2023');
    const older = await audit({ 'lib/a.so': await needing('libc.so.6', 'GLIBC_2.26') });
    expect(older.oldestPlatform).toBe('provided.al2');
    const oldest = await audit({ 'lib/a.so': await needing('libc.so.6', 'GLIBC_2.17') });
    expect(oldest.oldestPlatform).toBe('provided');
  });

  test('with a weak need is a warning, as it is for the loader', async () => {
    const bytes = await needing('libc.so.6', 'GLIBC_2.99');
    const hash = Buffer.alloc(4);
    hash.writeUInt32LE(elfHash('GLIBC_2.99'));
    // VER_FLG_WEAK in vna_flags, which follows vna_hash.
    bytes.writeUInt16LE(2, bytes.indexOf(hash) + 4);
    expect(brief(await audit({ 'lib/a.so': bytes }))).toEqual(['warning symbol-version lib/a.so']);
  });
});

describe('a library', () => {
  const other = { soname: 'libother.so.1', symbol: 'other' };

  test('that is nowhere is reported with the files that need it, from the program on', async () => {
    const report = await audit({
      'bin/a': await program([], [{ soname: 'libmiddle.so.1', symbol: 'middle' }]),
      'lib/libmiddle.so.1': await library([other]),
    });
    expect(brief(report)).toEqual(['error missing-library lib/libmiddle.so.1']);
    expect(report.findings[0]).toMatchObject({
      library: 'libother.so.1',
      neededBy: ['bin/a', 'lib/libmiddle.so.1'],
    });
    expect(report.findings[0]?.message).toContain('nor on provided.al2023');
    expect(report.oldestPlatform).toBeUndefined();
  });

  test('is found in /opt/lib, also through a link', async () => {
    const files = [
      fileEntry('lib/a.so', await library([other])),
      fileEntry('lib/libother.so.1.2.3', await library()),
    ];
    expect(brief(await audit([...files, link('lib/libother.so.1', 'libother.so.1.2.3')]))).toEqual([]);
    expect(brief(await audit(files))).toEqual(['error missing-library lib/a.so']);
  });

  test('is found in the folders of DT_RPATH and DT_RUNPATH, and not elsewhere', async () => {
    const tree = async (flags: readonly string[]): Promise<AuditReport> =>
      audit({ 'bin/a': await program(flags, [other]), 'share/x/libother.so.1': await library() });
    expect(brief(await tree(['-Wl,--disable-new-dtags,-rpath,$ORIGIN/../share/x']))).toEqual([]);
    expect(brief(await tree(['-Wl,--enable-new-dtags,-rpath,/opt/share/x']))).toEqual([]);
    const lost = await tree([]);
    expect(messages(lost, 'missing-library')).toEqual([
      expect.stringContaining('does not search the folder of share/x/libother.so.1'),
    ]);
  });

  test('that an extension needs is found by the DT_RPATH of the program that loads it', async () => {
    const extension = await library([other]);
    const flags = ['-Wl,--disable-new-dtags,-rpath,$ORIGIN/../share/x'];
    const found = await compiled('void other(void) {}\n', ['-shared', '-nostdlib', '-fPIC']);
    const files = { 'lib/ext/a.so': extension, 'share/x/libother.so.1': found };
    expect(brief(await audit({ 'bin/a': await program(flags), ...files }))).toEqual([]);
    expect(brief(await audit({ 'bin/a': clean, ...files }))).toEqual(['error missing-library lib/ext/a.so']);
  });

  test('that only some images have is missing', async () => {
    const report = await audit({ 'lib/a.so': await library([{ soname: 'libcurl.so.4', symbol: 'x' }]) });
    expect(brief(report)).toEqual(['error missing-library lib/a.so']);
    expect(report.findings[0]).toMatchObject({ library: 'libcurl.so.4' });
    expect(report.findings[0]?.message).toContain('some images of provided.al2023');
  });

  test('of the layer that lacks the version that is needed is refused', async () => {
    const needing = await library([{ ...other, version: 'OTHER_2' }]);
    const flags = ['-shared', '-nostdlib', '-fPIC', '-Wl,-soname,libother.so.1,--default-symver'];
    const another = await compiled('void other(void) {}\n', flags);
    const report = await audit({ 'lib/a.so': needing, 'lib/libother.so.1': another });
    expect(brief(report)).toEqual(['error undefined-version lib/a.so']);
    expect(report.findings[0]).toMatchObject({ library: 'libother.so.1', symbols: ['other@OTHER_2'] });
    expect(report.findings[0]?.message).toContain('lib/libother.so.1 does not define');
    // One without any version is only warned about by the loader.
    expect(brief(await audit({ 'lib/a.so': needing, 'lib/libother.so.1': await library() }))).toEqual([]);
  });

  describe('that the platform has too', () => {
    const zlib = { soname: 'libz.so.1', symbol: 'inflate' };
    const tree = async (flags: readonly string[]): Promise<AuditReport> =>
      audit({ 'bin/a': await program(flags, [zlib]), 'lib/libz.so.1': await library() });

    test('is refused with DT_RUNPATH: the platform loads its own', async () => {
      const report = await tree(['-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib']);
      expect(brief(report)).toEqual(['error shadowed-library bin/a']);
      expect(report.findings[0]).toMatchObject({ library: 'libz.so.1', neededBy: ['bin/a'] });
      expect(report.findings[0]?.message).toContain('DT_RUNPATH $ORIGIN/../lib');
      expect(report.findings[0]?.message).toContain('not lib/libz.so.1');
    });

    test('is a warning without any path, and fine with DT_RPATH', async () => {
      expect(brief(await tree([]))).toEqual(['warning shadowed-library bin/a']);
      expect(brief(await tree(['-Wl,--disable-new-dtags,-rpath,$ORIGIN/../lib']))).toEqual([]);
    });
  });

  test('that is the loader must exist on Lambda', async () => {
    const report = await audit({ 'bin/a': await program(['-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1']) });
    expect(brief(report)).toEqual(['error missing-library bin/a']);
    expect(report.findings[0]).toMatchObject({ library: '/lib/ld-musl-x86_64.so.1' });
    expect(report.findings[0]?.message).toContain('its loader');
  });
});

describe('a module that a program loads by itself', () => {
  const module = (source: string): Promise<Buffer> => compiled(source, ['-shared', '-nostdlib', '-fPIC']);
  const calling = 'void helper(void); void entry(void) { helper(); }\n';
  const defining = 'void helper(void) {}\n';
  /** A program that exports the function that modules call. */
  const host = (): Promise<Buffer> =>
    compiled(`${defining}int main(void) { return 0; }\n`, ['-fPIE', '-pie', '-rdynamic', '-Wl,-z,relro']);

  test('must find every function that it calls, in the program or in another module', async () => {
    const report = await audit({ 'bin/a': clean, 'ext/a.so': await module(calling) });
    expect(brief(report)).toEqual(['error undefined-symbol ext/a.so']);
    expect(report.findings[0]).toMatchObject({ symbols: ['helper'] });
    expect(report.findings[0]?.message).toBe('nothing in the layer or on the platform defines helper');
    expect(brief(await audit({ 'bin/a': await host(), 'ext/a.so': await module(calling) }))).toEqual([]);
    const beside = { 'ext/a.so': await module(calling), 'ext/b.so': await module(defining) };
    expect(brief(await audit({ 'bin/a': clean, ...beside }))).toEqual([]);
  });

  test('may lack a weak symbol, and one of a library that is missing is that library’s finding', async () => {
    const weak = `__attribute__((weak)) ${calling}`;
    expect(brief(await audit({ 'bin/a': clean, 'ext/a.so': await module(weak) }))).toEqual([]);
    const needing = await library([{ soname: 'libnone.so.1', symbol: 'none' }]);
    expect(brief(await audit({ 'bin/a': clean, 'ext/a.so': needing }))).toEqual([
      'error missing-library ext/a.so',
    ]);
  });

  test('must not export what the program exports, or another module', async () => {
    const report = await audit({ 'bin/a': await host(), 'ext/a.so': await module(defining) });
    expect(brief(report)).toEqual(['error second-copy ext/a.so']);
    expect(report.findings[0]?.message).toBe("exports helper, as bin/a does: one may use the other's copy");
    const twice = { 'ext/a.so': await module(defining), 'ext/b.so': await module(defining) };
    expect(brief(await audit({ 'bin/a': clean, ...twice }))).toEqual(['error second-copy ext/b.so']);
  });

  test('may export the function by which it is asked for itself', async () => {
    const asked = await module('void *get_module(void) { return 0; }\n');
    expect(brief(await audit({ 'bin/a': clean, 'ext/a.so': asked, 'ext/b.so': asked }))).toEqual([]);
  });

  test('is not judged without a program, which may be in another layer', async () => {
    expect(brief(await audit({ 'ext/a.so': await module(calling) }))).toEqual([]);
  });
});

describe('an ELF file', () => {
  const changed = (offset: number, value: number): Buffer => {
    const bytes = Buffer.from(clean);
    bytes.writeUInt8(value, offset);
    return bytes;
  };

  test('of another machine is refused', async () => {
    const report = await audit({ 'bin/a': changed(18, 183), 'bin/b': changed(18, 8) });
    expect(messages(report, 'wrong-machine')).toEqual([
      expect.stringContaining('is for arm64'),
      expect.stringContaining('machine 8'),
    ]);
    expect(report.oldestPlatform).toBeUndefined();
  });

  test('of 32 bits, or big-endian, is refused', async () => {
    const report = await audit({ 'bin/a': changed(4, 1), 'bin/b': changed(5, 2) });
    expect(brief(report)).toEqual(['error wrong-machine bin/a', 'error wrong-machine bin/b']);
    expect(messages(report, 'wrong-machine')).toEqual([
      expect.stringContaining('32-bit ELF'),
      expect.stringContaining('64-bit, big-endian ELF'),
    ]);
  });

  test('that is damaged is a finding', async () => {
    const report = await audit({ 'bin/a': clean.subarray(0, 200) });
    expect(brief(report)).toEqual(['error damaged-elf bin/a']);
    expect(report.findings[0]?.message).toContain('program headers: ');
  });

  test('with text relocations is refused', async () => {
    const source = 'void other(void); __asm__(".text\\n.quad other\\n");\n';
    const flags = ['-shared', '-nostdlib', '-fPIC', '-Wl,-z,notext'];
    const library = await compiled(source, flags, [{ soname: 'libm.so.6', symbol: 'other' }]);
    expect(brief(await audit({ 'lib/a.so': library }))).toEqual(['error text-relocations lib/a.so']);
  });

  test('with an executable stack is refused, and one without PT_GNU_STACK', async () => {
    expect(brief(await audit({ 'bin/a': await program(['-Wl,-z,execstack']) }))).toEqual([
      'error executable-stack bin/a',
    ]);
    const silent = Buffer.from(clean);
    // PT_GNU_STACK becomes PT_NULL.
    silent.writeUInt32LE(0, silent.indexOf(Buffer.from([0x51, 0xe5, 0x74, 0x64])));
    expect(messages(await audit({ 'bin/a': silent }), 'executable-stack')).toEqual([
      expect.stringContaining('PT_GNU_STACK'),
    ]);
  });

  test('that is a program has RELRO, and is position independent', async () => {
    expect(brief(await audit({ 'bin/a': await program(['-Wl,-z,norelro']) }))).toEqual([
      'error no-relro bin/a',
    ]);
    expect(brief(await audit({ 'bin/a': await program(['-fno-pie', '-no-pie']) }))).toEqual([
      'error no-pie bin/a',
    ]);
    expect(brief(await audit({ 'bin/a': await program(['-fno-pie', '-no-pie', '-static']) }))).toEqual([
      'error no-pie bin/a',
    ]);
    expect(brief(await audit({ 'bin/a': await program(['-static-pie']) }))).toEqual([]);
    expect(brief(await audit({ 'lib/a.so': await library([], ['-Wl,-z,norelro']) }))).toEqual([]);
  });

  test('that the layer chose to be at a fixed address is a warning, and no other program', async () => {
    const fixed = await program(['-fno-pie', '-no-pie']);
    const report = await audit({ 'bin/a': fixed, 'bin/b': fixed }, { fixedAddress: 'bin/a' });
    expect(brief(report)).toEqual(['warning no-pie bin/a', 'error no-pie bin/b']);
    expect(report.findings[0]?.message).toContain('start: fastest');
  });

  test('that is an object file has no findings', async () => {
    const object = await compiled('int a;\n', ['-c', '-fno-pie']);
    expect(brief(await audit({ 'lib/a.o': object }))).toEqual([]);
  });
});

describe('a build path in a file is found', () => {
  test.each(['/build/work/php/main.c', '/build/out/opt', '/build/recipe', '/build/sources/x'])(
    '%s',
    async (path) => {
      const report = await audit({ 'etc/a': `\0${path}\0` });
      expect(brief(report)).toEqual(['error build-path etc/a']);
      expect(report.findings[0]?.message).toMatch(/^contains the build path \/build\/\w+$/);
    },
  );

  test('and one given with buildPaths', async () => {
    const files = { 'etc/a': 'as of /home/me/project/x', 'etc/b': '/build is a word' };
    expect(brief(await audit(files))).toEqual([]);
    expect(brief(await audit(files, { buildPaths: ['/home/me'] }))).toEqual(['error build-path etc/a']);
  });

  test('across any border of two chunks', async () => {
    await using folder = await temporaryFolder();
    const path = '/build/work';
    const chunk = 128 * 1024;
    for (let start = chunk - path.length - 1; start <= chunk + 1; start++) {
      const file = join(folder.path, String(start));
      const bytes = Buffer.concat([Buffer.alloc(start, '.'), Buffer.from(path), Buffer.alloc(chunk, '.')]);
      await writeFile(file, bytes);
      const entry = {
        type: 'file',
        path: 'a',
        mode: 0o644,
        sizeBytes: bytes.length,
        content: { file, start: 0 },
      };
      expect(brief(await audit([entry as TreeEntry])), `at ${start}`).toEqual(['error build-path a']);
    }
  });
});

describe('a mode', () => {
  test('that is set-uid or set-gid is refused, on a file', async () => {
    const report = await audit([
      fileEntry('a', 'x', 0o4755),
      fileEntry('b', 'x', 0o2755),
      { type: 'directory', path: 'c', mode: 0o2755 },
    ]);
    expect(messages(report, 'set-id')).toEqual(['is set-uid (mode 4755)', 'is set-gid (mode 2755)']);
    expect(report.findings).toHaveLength(2);
  });

  test('that is world-writable is refused', async () => {
    const report = await audit([
      fileEntry('a', 'x', 0o666),
      { type: 'directory', path: 'c', mode: 0o777 },
      fileEntry('c/b', 'x', 0o664),
    ]);
    expect(brief(report)).toEqual(['error world-writable a', 'error world-writable c']);
  });
});

describe('a link', () => {
  test.each(['/etc/passwd', '../../etc/passwd', '../../opt/../etc', '/', ''])(
    'to "%s" leaves the layer',
    async (target) => {
      const report = await audit([link('bin/a', target)]);
      expect(brief(report)).toEqual(['error link bin/a']);
      expect(report.findings[0]?.message).toContain('leaves the layer');
    },
  );

  test('may lead to anything in the layer, through other links too', async () => {
    const files = [
      fileEntry('lib/x/y', 'x'),
      link('lib/z', 'x'),
      link('a', '/opt/lib/z/y'),
      link('b', 'lib/z/../x'),
      link('c', '../opt'),
    ];
    expect(brief(await audit(files))).toEqual([]);
  });

  test('that is dangling is a warning, a cycle of links is an error', async () => {
    expect(brief(await audit([link('a', 'nothing')]))).toEqual(['warning link a']);
    expect(brief(await audit([link('a', 'b'), link('b', 'a')]))).toEqual(['error link a', 'error link b']);
  });
});

describe('the bootstrap', () => {
  const withBootstrap = (
    bootstrap: TreeEntry | undefined,
    entries: readonly TreeEntry[] = [],
  ): Promise<AuditReport> => audit([fileEntry('share/x', 'x'), ...entries], { bootstrap });
  const script = (text: string, mode = 0o755): TreeEntry => fileEntry('bootstrap', text, mode);

  test('is required, unless the layer needs none', async () => {
    const report = await withBootstrap(undefined);
    expect(brief(report)).toEqual(['error bootstrap bootstrap']);
    expect(report.oldestPlatform).toBeUndefined();
    const without = await audit({ 'share/x': 'x' }, { bootstrap: undefined, needsBootstrap: false });
    expect(without).toMatchObject({ findings: [], oldestPlatform: 'provided' });
  });

  test.each([
    ['is a folder', { type: 'directory', path: 'bootstrap', mode: 0o755 } as const, /folder/],
    ['is not executable', fileEntry('bootstrap', '#!/bin/sh\n', 0o644), /executable .*\(mode 644\)/],
    [
      'is executable for its owner alone',
      fileEntry('bootstrap', '#!/bin/sh\n', 0o700),
      /executable .*\(mode 700\)/,
    ],
    ['is empty', fileEntry('bootstrap', '', 0o755), /#!/],
    ['has CRLF', fileEntry('bootstrap', '#!/bin/sh\r\n', 0o755), /CRLF/],
    [
      'needs an interpreter that is not in the layer',
      fileEntry('bootstrap', '#!/opt/bin/php -n\n', 0o755),
      /interpreter \/opt\/bin\/php is not in the layer$/,
    ],
    [
      'needs an interpreter that not every sandbox has',
      fileEntry('bootstrap', '#!/usr/bin/python3\n', 0o755),
      /interpreter \/usr\/bin\/python3 .* sandbox of provided\.al2023/,
    ],
    [
      'needs an interpreter that env does not find',
      fileEntry('bootstrap', '#!/usr/bin/env php\n', 0o755),
      /interpreter php, .* bin\//,
    ],
  ])('that %s is refused', async (_what, bootstrap, token) => {
    expect(messages(await withBootstrap(bootstrap), 'bootstrap')).toEqual([expect.stringMatching(token)]);
  });

  test('whose interpreter is not executable is refused', async () => {
    const report = await withBootstrap(script('#!/opt/bin/php\n'), [fileEntry('bin/php', 'x', 0o644)]);
    expect(messages(report, 'bootstrap')).toEqual([
      expect.stringMatching(/interpreter \/opt\/bin\/php .*executable/),
    ]);
  });

  test.each([
    ['a script of the shell', script('#! /bin/bash -e\n')],
    ['of the shell that env finds', script('#!/usr/bin/env bash\n')],
    ['of the layer that env finds', script('#!/usr/bin/env php\n')],
    ['of the layer', script('#!/opt/bin/php -n\n')],
    ['a link', link('bootstrap', 'share/start')],
  ])('may be %s', async (_what, bootstrap) => {
    const php = [fileEntry('bin/php', 'x', 0o755), fileEntry('share/start', '#!/bin/sh\n', 0o755)];
    expect(brief(await withBootstrap(bootstrap, php))).toEqual([]);
  });

  test('may be a program', async () => {
    expect(brief(await withBootstrap(fileEntry('bootstrap', clean, 0o755)))).toEqual([]);
  });
});

test("exactly 250 MiB are within Lambda's limits, and one byte more is not", async () => {
  const limit = 250 * 1024 ** 2;
  const facts = await readLayerFacts([BOOTSTRAP, fileEntry('large', 'x')]);
  const own = '#!/bin/sh\n'.length;
  // The audit adds up what the entries say: nothing that large has to be read.
  const auditOf = async (sizeBytes: number, zipBytes?: number): Promise<AuditReport> => {
    const entries = new Map(facts.entries);
    entries.set('large', { ...fileEntry('large', 'x'), sizeBytes } as TreeEntry);
    return await auditLayer(
      { ...facts, entries },
      { profiles, platform: 'provided.al2023', needsBootstrap: true, zipBytes },
    );
  };
  expect(brief(await auditOf(limit - own))).toEqual([]);
  const report = await auditOf(limit - own + 1, 50 * 1024 ** 2 + 1);
  expect(report.unzippedBytes).toBe(limit + 1);
  expect(brief(report)).toEqual(['error size', 'warning size']);
  expect(report.findings[0]?.message).toContain(`${limit + 1} bytes`);
});

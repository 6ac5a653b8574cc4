import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownerLabels } from '../../../src/engine/owned-containers.js';
import { ARCHITECTURES, TRIPLES, type Architecture } from '../../../src/platform/platform.js';
import { openImageReader } from '../../../src/sandbox/image-reader.js';
import type { ToolchainImage } from '../../../src/toolchain/toolchain.js';
import { readTar } from '../../../src/tree/read-tar.js';
import { packageRoot } from '../../support/cli.js';
import { testContext } from '../../support/local-function.js';
import { realEngine } from '../../support/real-engine.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { Workplace } from '../../support/workplace.js';

// Programs for each of Lambda's platforms and architectures, compiled by one image and run on a newer glibc, and the stub
// libraries that they are linked with.

const PLATFORMS = { 'provided.al2023': '2.34', 'provided.al2': '2.26', provided: '2.17' } as const;

const fixture = (name: string): Promise<string> =>
  readFile(join(packageRoot, 'test/fixtures/targets', name), 'utf8');

const BUILD = `
mkdir -p "$DESTDIR/opt/bin"
cd /build/recipe
"$CC" -Wall -Wextra -Werror -O2 -fPIE -pie -o "$DESTDIR/opt/bin/lua" names.c -lm -lpthread
"$CC" -Wall -Wextra -Werror -O2 -fno-pie -no-pie -o "$DESTDIR/opt/bin/no-pie" names.c -lm -lpthread
"$CXX" -Wall -Wextra -Werror -O2 -fPIE -pie -o "$DESTDIR/opt/bin/exceptions" exceptions.cc -lpthread
"$CXX" -Wall -Wextra -Werror -O2 -fno-pie -no-pie -o "$DESTDIR/opt/bin/exceptions-no-pie" exceptions.cc -lpthread
cd /build
echo free >LICENSE
licence LICENSE
`;
const PROGRAMS = ['lua', 'exceptions'];
/** Not for a layer, which must have no programs at fixed addresses. */
const FIXED = ['no-pie', 'exceptions-no-pie'];

const PACKAGE = `kind: interpreter
summary: For tests
homepage: https://example.org
license: MIT
default: '1'
layer: { interpreter: lua, files: [${PROGRAMS.map((name) => `bin/${name}`).join(', ')}] }
smoke:
  programs:
${PROGRAMS.map((name) => `    - { name: ${name}, run: [/opt/bin/${name}], stdout: [ok] }`).join('\n')}
`;

let workplace: Workplace;

beforeAll(async () => {
  workplace = await Workplace.make({
    'probe/package.yaml': PACKAGE,
    'probe/1.yaml': "version: '1'\nneeds: []\nsources: {}\n",
    'probe/build.sh': BUILD,
    'probe/names.c': await fixture('names.c'),
    'probe/exceptions.cc': await fixture('exceptions.cc'),
  });
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

const run = promisify(execFile);

async function readelf(...args: readonly string[]): Promise<string> {
  return (await run('readelf', ['-W', ...args], { maxBuffer: 64 * 1024 ** 2 })).stdout;
}

describe.each(ARCHITECTURES)('for %s', (architecture) => {
  test.each(Object.entries(PLATFORMS))(
    'C and C++ for %s need no glibc newer than %s, and work with and without PIE',
    async (platform, glibc) => {
      const ended = await workplace.build('probe', ['--platform', platform, '--arch', architecture]);
      // The build has audited the programs, and its smoke tests have run them.
      expect(ended.exitCode, ended.stderr).toBe(0);
      expect(ended.stderr).toContain(`built and tested: ${PROGRAMS.length} programs`);
      await using folder = await temporaryFolder();
      const artifact = await newestArtifact();
      await run('tar', ['-xf', artifact, '-C', folder.path]);
      for (const name of [...PROGRAMS, ...FIXED]) {
        const file = join(folder.path, 'bin', name);
        const needed = [...(await readelf('-V', file)).matchAll(/\bGLIBC_2\.(\d+)/g)].map(([, minor]) =>
          Number(minor),
        );
        expect(needed.length).toBeGreaterThan(0);
        expect(Math.max(...needed)).toBeLessThanOrEqual(Number(glibc.split('.')[1]));
        expect(await readelf('-h', file)).toContain(architecture === 'arm64' ? 'AArch64' : 'X86-64');
        expect(await readelf('-d', file)).not.toContain('libstdc++');
        if (FIXED.includes(name))
          expect(await runIn(architecture, artifact, `/tmp/bin/${name}`)).toBe('ok\n');
      }
    },
  );
});

async function newestArtifact(): Promise<string> {
  const { stdout } = await run('sh', [
    '-c',
    'ls -t "$1"/artifacts/*/content | head -n 1',
    'sh',
    workplace.store,
  ]);
  return stdout.trim();
}

/** Runs a program of an artifact, unpacked in /tmp, in the runtime image of an architecture. Resolves to what it prints. */
async function runIn(architecture: Architecture, artifact: string, program: string): Promise<string> {
  const { runtimeImage } = (await testContext(architecture)).toolchain;
  const id = (await run('docker', ['create', '--network', 'none', runtimeImage.id, program])).stdout.trim();
  try {
    await run('sh', ['-c', 'docker cp - "$1:/tmp" <"$2"', 'sh', id, artifact]);
    return (await run('docker', ['start', '--attach', id])).stdout;
  } finally {
    await run('docker', ['rm', '--force', id]);
  }
}

/** A symbol that a library defines: `FUNC GLOBAL 0`, with its size unless it is a function; and its address. */
interface Symbol_ {
  readonly description: string;
  readonly address: string;
  readonly isVariable: boolean;
}

async function symbolsOf(file: string): Promise<ReadonlyMap<string, Symbol_>> {
  const symbols = new Map<string, Symbol_>();
  for (const line of (await readelf('--dyn-syms', file)).split('\n')) {
    const [, address = '', size = '', type = '', binding = '', , section, name] = line.trim().split(/\s+/);
    if (name === undefined || section === 'UND' || section === 'ABS' || address === 'Value') continue;
    // An indirect function is a function to those who call it.
    const isVariable = type === 'OBJECT' || type === 'TLS';
    const description = isVariable ? `${type} ${binding} ${size}` : 'FUNC';
    symbols.set(name.replace('@@', '@'), { description, address, isVariable });
  }
  return symbols;
}

/** The groups of variables that are one: their names, joined. */
function aliases(symbols: ReadonlyMap<string, Symbol_>, names: readonly string[]): ReadonlySet<string> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const { address = '', isVariable = false } = symbols.get(name) ?? {};
    if (isVariable) groups.set(address, [...(groups.get(address) ?? []), name]);
  }
  return new Set([...groups.values()].map((group) => group.sort().join(' ')));
}

describe.each(ARCHITECTURES)('the stub libraries for %s, compared with a real glibc', (architecture) => {
  let folder: TemporaryFolder;
  const triple = TRIPLES[architecture];

  beforeAll(async () => {
    folder = await temporaryFolder();
    const { buildImage, runtimeImage } = (await testContext(architecture)).toolchain;
    await extract(runtimeImage, `/usr/lib/${triple}`, join(folder.path, 'real'));
    for (const glibc of Object.values(PLATFORMS)) {
      const lib = `/usr/lib/layersmith/${triple}-${glibc}/sysroot/usr/lib`;
      await extract(buildImage, lib, join(folder.path, glibc));
    }
  });

  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  async function extract(image: ToolchainImage, path: string, to: string): Promise<void> {
    const { signal } = new AbortController();
    const engine = await realEngine();
    await using container = await openImageReader({ engine, image: image.id, labels: ownerLabels(), signal });
    for await (const { header, content } of readTar(await container.getArchive(path, signal))) {
      const name = header.name.split('/').slice(1).join('/');
      if (header.type !== 'file' || !/^[\w.+-]+\.so\.\d+$/.test(name)) continue;
      const chunks: Buffer[] = [];
      for await (const chunk of content) chunks.push(chunk);
      await mkdir(dirname(join(to, name)), { recursive: true });
      await writeFile(join(to, name), Buffer.concat(chunks));
    }
  }

  const IN_LIBC_SINCE_2_34 = ['libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libutil.so.1'];
  const ALWAYS = ['libc.so.6', 'libm.so.6', 'libresolv.so.2'];
  const LIBRARIES = {
    '2.34': ALWAYS,
    '2.26': [...ALWAYS, ...IN_LIBC_SINCE_2_34],
    '2.17': [...ALWAYS, ...IN_LIBC_SINCE_2_34],
  };
  /** Removed from glibc in 2.35 without a version that stays. */
  const REMOVED = /^malloc_[gs]et_state@/;

  test.each(Object.entries(LIBRARIES))(
    'have the types, sizes, bindings and aliases of glibc (%s)',
    async (glibc, names) => {
      const real = new Map<string, Symbol_>();
      // What was a library of its own is part of libc since 2.34.
      for (const name of LIBRARIES['2.26'])
        for (const [symbol, found] of await symbolsOf(join(folder.path, 'real', name)))
          real.set(symbol, { ...found, address: `${name} ${found.address}` });
      for (const name of names) {
        const stub = await symbolsOf(join(folder.path, glibc, name));
        expect(stub.size).toBeGreaterThan(1);
        const wanted = [...stub.keys()].filter((symbol) => !REMOVED.test(symbol));
        expect(wanted.filter((symbol) => !real.has(symbol))).toEqual([]);
        for (const symbol of wanted)
          expect(`${symbol} ${stub.get(symbol)?.description ?? ''}`).toBe(
            `${symbol} ${real.get(symbol)?.description ?? ''}`,
          );
        expect(aliases(stub, wanted)).toEqual(aliases(real, wanted));
      }
      const { size } = aliases(await symbolsOf(join(folder.path, glibc, 'libc.so.6')), [
        'environ@GLIBC_2.2.5',
        '__environ@GLIBC_2.2.5',
        'environ@GLIBC_2.17',
        '__environ@GLIBC_2.17',
      ]);
      expect(size).toBe(1);
    },
  );

  test('have no version of libgcc that a platform lacks', async () => {
    for (const glibc of Object.keys(LIBRARIES)) {
      const symbols = await symbolsOf(join(folder.path, glibc, 'libgcc_s.so.1'));
      expect([...symbols.keys()]).toContain('_Unwind_Resume@GCC_3.0');
      const versions = new Set([...symbols.keys()].map((name) => /@GCC_(\d+)/.exec(name)?.[1]));
      expect([...versions].sort()).toEqual(['3', '4', '7']);
    }
  });
});

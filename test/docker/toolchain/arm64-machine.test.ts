import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toolchainOptions } from '../../../src/cli/toolchain-session.js';
import type { ContainerSpec } from '../../../src/engine/container-engine.js';
import type { BuildContext } from '../../../src/pipeline/build/build-context.js';
import { ARCHITECTURES, TRIPLES } from '../../../src/platform/platform.js';
import { BUILDER_PIDS, BUILDER_UID } from '../../../src/platform/sandbox-layout.js';
import { readOutputLines } from '../../../src/sandbox/program-output.js';
import { runProgram } from '../../../src/sandbox/run-program.js';
import { packageOf } from '../../../src/toolchain/debian-package.js';
import { debianKey, readLock } from '../../../src/toolchain/lock-file.js';
import { openRoot, writeRoot } from '../../../src/toolchain/root-file-system.js';
import { packTree } from '../../../src/tree/pack-tree.js';
import { fileEntry, openContent } from '../../../src/tree/tree-entry.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { testContext } from '../../support/local-function.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

// The toolchain of an arm64 machine, from the lock's packages: of these, those that compile and link C, under qemu.

const COMPILERS =
  /^(base-files|dash|coreutils|libacl1|libattr1|libselinux1|libpcre2-8-0|gcc-12|gcc-12-base|cpp-12|libgcc-12-dev|libgcc-s1|libc6|zlib1g|libzstd1|libjansson4|libgmp10|libmpfr6|libmpc3|libisl23|libctf.*|.*binutils.*|.*-12-x86-64-linux-gnu(-base)?|gcc-12-cross-base.*|libgcc-12-dev-amd64-cross)$/;

/** Without headers or a library: what is compiled depends on the compiler alone. */
const SOURCE = `
typedef unsigned int u32;
static u32 table[256];
static double weights[] = {0.5, 1.0 / 3, 2e-10, 1e300};
static void fill(void) {
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
}
u32 checksum(const unsigned char *p, u32 n) {
  u32 c = ~0u;
  if (!table[1]) fill();
  while (n--) c = table[(c ^ *p++) & 0xff] ^ (c >> 8);
  return ~c;
}
double mean(const double *p, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += p[i] * weights[i & 3];
  return n ? sum / n : 0;
}
int kind(int c) {
  switch (c) {
    case '0' ... '9': return 1;
    case 'a' ... 'f': case 'A' ... 'F': return 2;
    case ' ': case '\\t': case '\\n': return 3;
    default: return c > 127 ? -1 : 0;
  }
}
__int128 product(long a, long b) { return (__int128)a * b / 7; }
void _start(void) { for (;;) checksum((const unsigned char *)"layersmith", 10); }
`;

// The name of the compiler that is recorded in each file differs: Debian's native one has a later revision than its cross compiler.
const SCRIPT = `set -e
mkdir out
for triple in ${Object.values(TRIPLES).join(' ')}; do
  for options in "-O2 -fPIE" "-O3 -g0 -fno-pie" "-Os -fPIC"; do
    $triple-gcc-12 $options -fno-ident -ffreestanding -c -o "out/$triple\${options%% *}.o" program.c
  done
  $triple-ar rcD "out/$triple.a" "out/$triple"-*.o
  $triple-gcc-12 -nostdlib -static -Wl,--build-id=none -o "out/$triple" "out/$triple-O2.o" -lgcc
done
`;

let context: BuildContext;
let folder: TemporaryFolder;
let image: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  context = await testContext();
  const { engine, platform, store, reporter, signal } = context;
  const lock = await readLock(join(PACKAGE_ROOT, 'layersmith.lock'));
  const pins = lock.get(debianKey({ role: 'toolchain', architecture: 'arm64' }))?.files ?? [];
  const io = fakeIo(homedir(), { env: process.env });
  const { fetchPackage } = await toolchainOptions(
    io,
    { toolchain: 'debian', offline: false },
    { engine, platform, store, reporter },
  );
  const wanted = pins.filter((file) => COMPILERS.test(packageOf(file).name));
  const packages = await Promise.all(wanted.map(async (file) => ({ file, path: await fetchPackage(file) })));
  const rootfs = join(folder.path, 'rootfs.tar');
  await writeRoot(rootfs, packages);
  const imported = await engine.importImage(
    openRoot(rootfs, [{ type: 'directory', path: 'build', mode: 0o755 }]),
    { labels: {}, tag: `layersmith-test/arm64-machine:${process.pid}`, platform: 'linux/arm64', signal },
  );
  image = imported.id;
});

afterAll(async () => {
  await context.engine.removeImage(image);
  await folder[Symbol.asyncDispose]();
});

/** Compiles the program with the compilers of an image. Resolves to the files that they made, by name, in hexadecimal. */
async function compile(compilers: string): Promise<ReadonlyMap<string, string>> {
  const { engine, labels, signal } = context;
  const spec: ContainerSpec = {
    image: compilers,
    command: ['/bin/sh', '-c', SCRIPT],
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    workingDir: '/build',
    user: `${BUILDER_UID}:${BUILDER_UID}`,
    labels,
    memoryBytes: 1024 ** 3,
    pids: BUILDER_PIDS,
    readOnlyRoot: false,
    tmpfs: { '/tmp': 64 * 1024 ** 2 },
    volumes: [],
  };
  const lines = readOutputLines({ keep: 20, onLine: () => undefined });
  const given = packTree(
    [{ type: 'directory', path: 'build', mode: 0o755 }, fileEntry('build/program.c', Buffer.from(SOURCE))],
    { owner: BUILDER_UID },
  );
  return runProgram(
    {
      ...{ engine, spec, signal, limitMs: undefined },
      fill: (container) => container.putArchive('/', given, signal),
      output: { stdout: lines.follow, stderr: lines.follow },
    },
    async ({ end, takeFolder }) => {
      expect(end, lines.last.join('\n')).toMatchObject({ status: 'exited', exitCode: 0 });
      await using tree = await takeFolder('/build/out', { tmpDir: folder.path });
      const files = new Map<string, string>();
      for (const entry of tree?.entries ?? [])
        if (entry.type === 'file') files.set(entry.path, await text(openContent(entry).setEncoding('hex')));
      return files;
    },
  );
}

test('an arm64 machine compiles the same bytes for both architectures as an x86_64 machine', async () => {
  const [here, there] = [await compile(context.toolchain.buildImage.id), await compile(image)];
  expect([...there.keys()].sort()).toEqual(
    ARCHITECTURES.flatMap((architecture) => {
      const triple = TRIPLES[architecture];
      return [triple, `${triple}-O2.o`, `${triple}-O3.o`, `${triple}-Os.o`, `${triple}.a`];
    }).sort(),
  );
  for (const [name, bytes] of there) expect(bytes === here.get(name), name).toBe(true);
});

import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildPlan } from '../../../src/pipeline/build/build-stages.js';
import { planFor } from '../../../src/recipe/plan.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { hostMirrors, namedMirror } from '../../../src/source/debian/debian-mirror.js';
import { resolvePackages } from '../../../src/source/debian/resolve-packages.js';
import { createSourceFetcher } from '../../../src/source/source-fetcher.js';
import { openStore } from '../../../src/store/store.js';
import { debName } from '../../../src/toolchain/debian-package.js';
import { openRoot, writeRoot } from '../../../src/toolchain/root-file-system.js';
import { artifactFile } from '../../../src/tree/artifact-file.js';
import type { TreeEntry } from '../../../src/tree/tree-entry.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { testContext } from '../../support/local-function.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// The build protocol on images whose gcc compiles for the image itself, as Amazon Linux's does: with the compilers of Amazon
// Linux 2023 (gcc 11 and 14), from Debian. Debian has none as old as Amazon Linux 2's gcc 7 any more.

const TOOLS = [
  ...[
    'base-files',
    'bash',
    'bzip2',
    'coreutils',
    'dash',
    'debianutils',
    'diffutils',
    'file',
    'findutils',
    'grep',
  ],
  ...[
    'gzip',
    'hostname',
    'mawk',
    'sed',
    'tar',
    'xz-utils',
    'make',
    'patch',
    'perl',
    'pkg-config',
    'libc6-dev',
  ],
];

const link = (path: string, target: string): TreeEntry => ({ type: 'symlink', path, target });

test.each([
  ['bookworm', 11],
  ['trixie', 14],
])('recipes compile on %s with gcc %i', async (suite, version) => {
  await using folder = await temporaryFolder();
  const { signal } = new AbortController();
  const context = await testContext();
  const named = process.env['LAYERSMITH_DEBIAN_MIRROR'];
  const mirror = named === undefined ? (await hostMirrors('/etc/apt'))[0] : namedMirror(named);
  if (mirror === undefined) throw new Error('this host has no Debian mirror');
  const files = await resolvePackages({
    ...{ suite, mirror, signal, tmpDir: folder.path, env: {}, architecture: 'amd64' },
    packages: [...TOOLS, `gcc-${version}`],
    keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
  });
  const fetcher = createSourceFetcher({
    ...{ sourcesDir: join(folder.path, 'sources'), tmpDir: folder.path },
    ...{ offline: false, archives: [], allowHttp: true, report: () => undefined },
  });
  const packages = await Promise.all(
    files.map(async (file) => {
      const { sha256 } = file;
      const pinned = { name: debName(file), sha256, urls: [`${mirror.archive}/${file.path}`] };
      return {
        file,
        path: (await fetcher.fetch({ name: debName(file), alternatives: [pinned] }, signal)).path,
      };
    }),
  );
  const rootfs = join(folder.path, 'rootfs.tar');
  const tools = ['gcc', 'gcc-ar', 'gcc-nm', 'gcc-ranlib'].map((name) =>
    link(`usr/bin/${name}`, `${name}-${version}`),
  );
  const extra: readonly TreeEntry[] = [
    ...tools,
    link('usr/bin/awk', 'mawk'),
    { type: 'directory', path: 'opt', mode: 0o755 },
    { type: 'directory', path: 'build', mode: 0o755 },
  ];
  await writeRoot(rootfs, packages);
  const tag = `layersmith-test/gcc-${version}:${process.pid}`;
  const image = await context.engine.importImage(openRoot(rootfs, extra), { labels: {}, tag, signal });
  try {
    await mkdir(join(folder.path, 'store'));
    const store = await openStore(join(folder.path, 'store'), () => undefined);
    const toolchain = { ...context.toolchain, buildImage: { id: image.id, digest: image.id } };
    const library = await openRecipeLibrary([join(PACKAGE_ROOT, 'recipes')]);
    const build = { ...context, library, store, toolchain };
    const artifactOf = async (name: string): Promise<string> => {
      const plan = await planFor({ package: name, line: undefined }, library);
      return (await buildPlan(plan, build)).artifacts[0]?.path ?? '';
    };
    expect(
      (await artifactFile(await artifactOf('lua'), 'bin/lua'))?.includes(`GCC: (Debian ${version}.`),
    ).toBe(true);
    const zlib = await artifactOf('zlib');
    expect((await artifactFile(zlib, 'lib/libz.a'))?.length).toBeGreaterThan(50_000);
    await access(zlib);
  } finally {
    await context.engine.removeImage(image.id);
  }
});

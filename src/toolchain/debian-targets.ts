import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, type Sha256 } from '../core/digest.js';
import { StageError } from '../core/errors.js';
import type { ContainerEngine, ContainerSpec } from '../engine/container-engine.js';
import { TRIPLES, type Architecture } from '../platform/platform.js';
import { BUILDER_PIDS, BUILDER_UID } from '../platform/sandbox-layout.js';
import type { PinnedFile } from '../recipe/source.js';
import { readOutputLines } from '../sandbox/program-output.js';
import { programFailure, runProgram } from '../sandbox/run-program.js';
import { packTree } from '../tree/pack-tree.js';
import { changedTree, type Tree } from '../tree/tree.js';
import { fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import { readZip } from '../tree/zip-reader.js';

/** A wheel of `ziglang` on PyPI, by the architecture that its programs run on. */
const WHEELS: Readonly<Record<Architecture, PinnedFile>> = {
  x86_64: {
    name: 'ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl',
    sha256: 'ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54' as Sha256,
    urls: [
      'https://files.pythonhosted.org/packages/59/e3/2a34676370a11c36b7cd04ffb2439c1089c0530cf4b01408c77cf7f8d9c3/ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl',
    ],
  },
  arm64: {
    name: 'ziglang-0.17.1-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl',
    sha256: 'b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e' as Sha256,
    urls: [
      'https://files.pythonhosted.org/packages/91/72/bb7c4f098ba3e535fa2ebefd9f26327ba63fb0672562959255cb5dd37aff/ziglang-0.17.1-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl',
    ],
  },
};

/** What the wheel's compiler reads for glibc: a twentieth of its files. */
const WANTED =
  /^ziglang\/(zig$|lib\/std\/std\.zig$|lib\/include\/|lib\/libc\/glibc\/|lib\/libc\/include\/(generic-glibc|any-linux-any|(x86|aarch64)-linux-(any|gnu))\/)/;

/** The glibc versions of Lambda's platforms, for which the embedded toolchain compiles. */
export const GLIBC_VERSIONS = ['2.34', '2.26', '2.17'] as const;

/** Where the image has its targets, each in a folder TRIPLE-GLIBC: see recipes/stage.sh. */
const FOLDER = 'usr/lib/layersmith';

const SCRIPTS = 'toolchain';
const MEMORY_BYTES = 2 * 1024 ** 3;
const LIMIT_MS = 20 * 60_000;
const KEPT_LINES = 10;

/** Returns a digest of what determines the targets, but for the packages of the image. */
export async function compilerDefinition(packageRoot: string): Promise<Sha256> {
  const scripts = (await readScripts(packageRoot)).map(([name, bytes]) => [name, sha256(bytes)]);
  const wheels = Object.values(WHEELS).map((wheel) => wheel.sha256);
  return sha256(JSON.stringify([Object.values(TRIPLES), GLIBC_VERSIONS, scripts, wheels]));
}

/**
 * Makes the folder `/usr/lib/layersmith` in a container of an image with the compilers: for each target its headers, start
 * files, stub libraries and tools (toolchain/make-target.sh). Returns its entries, with their paths in the root file system.
 */
export async function makeTargets(
  image: string,
  architecture: Architecture,
  options: {
    readonly engine: ContainerEngine;
    readonly packageRoot: string;
    readonly tmpDir: string;
    readonly fetchUrl: (file: PinnedFile) => Promise<string>;
    readonly labels: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<Tree> {
  const { engine, packageRoot, tmpDir, signal } = options;
  const wheel = await options.fetchUrl(WHEELS[architecture]);
  const spec: ContainerSpec = {
    image,
    command: ['/bin/bash', '-euo', 'pipefail', '-c', COMMAND],
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin' },
    workingDir: '/',
    user: `${BUILDER_UID}:${BUILDER_UID}`,
    labels: options.labels,
    memoryBytes: MEMORY_BYTES,
    pids: BUILDER_PIDS,
    readOnlyRoot: false,
    tmpfs: {},
    volumes: [],
  };
  const lines = readOutputLines({ keep: KEPT_LINES, onLine: () => undefined });
  await using zig = await readZip(wheel, { tmpDir }, (path) => WANTED.test(path));
  const given: readonly TreeEntry[] = [
    { type: 'directory', path: FOLDER, mode: 0o755 },
    ...(await readScripts(packageRoot)).map(([name, bytes]) => fileEntry(`build/${SCRIPTS}/${name}`, bytes)),
    ...zig.entries.map((entry) => ({ ...entry, path: `build/${entry.path}` })),
  ];
  return await runProgram(
    {
      engine,
      spec,
      fill: (container) => container.putArchive('/', packTree(given, { owner: BUILDER_UID }), signal),
      output: { stdout: lines.follow, stderr: lines.follow },
      limitMs: LIMIT_MS,
      signal,
    },
    async ({ end, takeFolder }) => {
      const failure = programFailure(end, spec);
      const tree = failure === undefined ? await takeFolder(`/${FOLDER}`, { tmpDir }) : undefined;
      if (tree === undefined) {
        throw new StageError(
          `cannot make the compilers' targets: toolchain/make-target.sh ${failure ?? 'left nothing'}`,
          {
            details: { 'last lines': lines.last },
            hint: 'Report it with the version of layersmith, or use --toolchain amazonlinux where its registry answers.',
          },
        );
      }
      return changedTree(tree, (entries) => [
        { type: 'directory', path: FOLDER, mode: 0o755 },
        ...entries.map((entry) => ({ ...entry, path: `${FOLDER}/${entry.path}` })),
      ]);
    },
  );
}

const COMMAND = Object.values(TRIPLES)
  .flatMap((triple) =>
    GLIBC_VERSIONS.map(
      (glibc) =>
        `sh /build/${SCRIPTS}/make-target.sh /build/ziglang ${triple} ${glibc} /${FOLDER}/${triple}-${glibc}`,
    ),
  )
  .join('\n');

async function readScripts(packageRoot: string): Promise<readonly (readonly [string, Buffer])[]> {
  const dir = join(packageRoot, SCRIPTS);
  const names = (await readdir(dir)).sort();
  return Promise.all(names.map(async (name) => [name, await readFile(join(dir, name))] as const));
}

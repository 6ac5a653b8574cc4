import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { IntegrityError, UsageError } from '../../../src/core/errors.js';
import type { Package } from '../../../src/toolchain/image-packages.js';
import { packageOf } from '../../../src/toolchain/debian-package.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { machineOf } from '../../../src/engine/machine.js';
import {
  checkLock,
  checkLockedRuntime,
  debianKey,
  lockDifferences,
  lockKey,
  readLock,
  readLockedReleases,
  writeLock,
  type LockedImage,
} from '../../../src/toolchain/lock-file.js';
import type { Toolchain } from '../../../src/toolchain/toolchain.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { failure } from '../../support/failure.js';
import { PLATFORM } from '../../support/platform.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const DEBIAN: LockedImage = {
  digest: 'sha256:1',
  files: [
    { path: 'pool/main/b/binutils/binutils_2.40-2_amd64.deb', sha256: sha256('binutils') },
    { path: 'pool/main/g/gcc-12/gcc-12_12.2.0-14+deb12u1_amd64.deb', sha256: sha256('gcc') },
  ],
  packages: [],
};
const AMAZON: LockedImage = {
  digest: 'sha256:2',
  files: [],
  packages: [
    { name: 'bash', version: '5.2.15-1.amzn2023' },
    { name: 'gcc', version: '11.4.1-2.amzn2023' },
  ],
};
const RUNTIME: LockedImage = { digest: 'sha256:3', files: [], packages: [] };

const ON = { platform: PLATFORM, machine: 'x86_64' } as const;

describe('the key of an image', () => {
  const arm64 = { ...PLATFORM, architecture: 'arm64' } as const;
  test.each([
    ['toolchain', 'debian', PLATFORM, 'x86_64', 'debian-toolchain x86_64'],
    // A cross compiler runs on the engine's machine.
    ['toolchain', 'debian', arm64, 'x86_64', 'debian-toolchain x86_64'],
    ['runtime', 'debian', arm64, 'x86_64', 'debian-runtime arm64'],
    ['toolchain', 'amazonlinux', arm64, 'x86_64', 'amazonlinux-toolchain provided.al2023 arm64'],
  ] as const)('%s of %s', (role, kind, platform, machine, key) => {
    expect(lockKey(role, { kind, platform, machine })).toBe(key);
  });
});

test('an engine on another machine than those of Lambda is an error', () => {
  expect(machineOf({ architecture: 'aarch64' })).toBe('arm64');
  expect(machineOf({ architecture: 'x86_64' })).toBe('x86_64');
  expect(() => machineOf({ architecture: 'riscv64' })).toThrow(UsageError);
});

describe('a lock file', () => {
  test('comes back as it was written, in one order', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layersmith.lock');
    await writeLock(
      path,
      new Map([
        ['b', DEBIAN],
        ['a', AMAZON],
      ]),
    );
    expect([...(await readLock(path))]).toEqual([
      ['a', AMAZON],
      ['b', DEBIAN],
    ]);
    const text = await readFile(path, 'utf8');
    await writeLock(path, await readLock(path));
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('has the releases of lines, in one order, and no part for them if there are none', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layersmith.lock');
    const releases = new Map([
      ['php/8.4', '8.4.28'],
      ['openssl/3.5', '3.5.9'],
    ]);
    await writeLock(path, new Map([['a', AMAZON]]), releases);
    expect([...(await readLock(path))]).toEqual([['a', AMAZON]]);
    expect([...(await readLockedReleases(path))]).toEqual([
      ['openssl/3.5', '3.5.9'],
      ['php/8.4', '8.4.28'],
    ]);
    await writeLock(path, await readLock(path));
    expect(await readFile(path, 'utf8')).not.toContain('releases');
    expect((await readLockedReleases(path)).size).toBe(0);
  });

  test('that is not there locks nothing', async () => {
    await using folder = await temporaryFolder();
    expect((await readLock(join(folder.path, 'layersmith.lock'))).size).toBe(0);
  });

  test.each([
    ['of an older release', '{"schemaVersion": 1, "toolchains": {}}', 'schemaVersion'],
    [
      'with a file that is no package',
      '{"schemaVersion":2,"images":{"a":{"digest":"d","files":["x.deb 1"]}}}',
      'x.deb',
    ],
    [
      'with a path that leaves the mirror',
      `{"schemaVersion":2,"images":{"a":{"digest":"d","files":["../x_1_all.deb ${'0'.repeat(64)}"]}}}`,
      'x_1_all',
    ],
    ['that is no JSON', '{', 'JSON'],
  ])('%s says what to do', async (_what, text, token) => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layersmith.lock': text });
    const path = join(folder.path, 'layersmith.lock');
    const error = await failure(readLock(path), UsageError);
    expect(error.message).toContain(path);
    expect(error.message).toContain(token);
    expect(error.hint).toContain('layersmith lock');
  });

  test('of this repository locks no releases: everybody gets the newest', async () => {
    expect((await readLockedReleases(join(PACKAGE_ROOT, 'layersmith.lock'))).size).toBe(0);
  });

  test('of this repository has the images of every architecture, with their packages', async () => {
    const lock = await readLock(join(PACKAGE_ROOT, 'layersmith.lock'));
    expect([...lock.keys()]).toEqual([
      'debian-runtime arm64',
      'debian-runtime x86_64',
      'debian-toolchain arm64',
      'debian-toolchain x86_64',
    ]);
    for (const image of lock.values()) expect(image.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const paths = lock.get('debian-toolchain x86_64')?.files.map(({ path }) => path);
    expect(paths).toContainEqual(expect.stringContaining('/gcc-12-aarch64-linux-gnu_'));
    // The compilers have headers and libraries of their own.
    expect(paths).not.toContainEqual(expect.stringContaining('/libc6-dev_'));
  });
});

test('the lock that comes with layersmith has the same toolchain for machines of both architectures', async () => {
  const lock = await readLock(join(PACKAGE_ROOT, 'layersmith.lock'));
  const namesOn = (machine: Architecture, other: string): readonly string[] => {
    const files = lock.get(debianKey({ role: 'toolchain', architecture: machine }))?.files ?? [];
    return files.map((file) => packageOf(file).name.replace(other, 'OTHER')).sort();
  };
  const compilers = (names: readonly string[]): readonly string[] =>
    names.filter((name) => /^(cpp|gcc|g\+\+|binutils|libc6|cmake|perl|make)/.test(name));
  const here = compilers(namesOn('x86_64', 'aarch64-linux-gnu'));
  expect(here).toContain('g++-12-OTHER');
  expect(here.filter((name) => !name.startsWith('binutils-'))).toEqual(
    compilers(namesOn('arm64', 'x86-64-linux-gnu')).filter((name) => !name.startsWith('binutils-')),
  );
});

describe('a toolchain', () => {
  const TOOLCHAIN: Toolchain = {
    kind: 'debian',
    reason: 'asked for',
    buildImage: { id: 'a', digest: 'sha256:1' },
    runtimeImage: { id: 'b', digest: 'sha256:3' },
  };
  const LOCK = new Map([
    ['debian-toolchain x86_64', DEBIAN],
    ['debian-runtime x86_64', RUNTIME],
  ]);
  // As dpkg tells them: with an epoch.
  const MOVED: readonly Package[] = [
    { name: 'gcc-12', version: '4:12.2.0-15' },
    { name: 'zstd', version: '1' },
  ];
  const check = (
    lock: ReadonlyMap<string, LockedImage>,
    { locked, digest = 'sha256:1' }: { readonly locked: boolean; readonly digest?: string },
  ): Promise<string | undefined> =>
    checkLock(
      { lock, path: '/project/layersmith.lock' },
      {
        ...ON,
        toolchain: { ...TOOLCHAIN, buildImage: { id: 'a', digest } },
        packagesOf: () => Promise.resolve(MOVED),
        locked,
      },
    );

  test('that is the locked one says nothing', async () => {
    expect(await check(LOCK, { locked: true })).toBeUndefined();
  });

  test('that differs is named, packages first', async () => {
    const differences = [
      'binutils 2.40-2 → none',
      'gcc-12 12.2.0-14+deb12u1 → 12.2.0-15',
      'zstd none → 1',
      'image sha256:1 → sha256:4',
    ];
    expect(lockDifferences(DEBIAN, { digest: 'sha256:4', files: [], packages: MOVED })).toEqual(differences);
    const warning = await check(LOCK, { locked: false, digest: 'sha256:4' });
    expect(warning).toContain('/project/layersmith.lock');
    for (const difference of differences.slice(0, 3)) expect(warning).toContain(difference);
    expect(warning).toContain('and 1 more');
  });

  test('that differs is refused with --locked', async () => {
    const error = await failure(check(LOCK, { locked: true, digest: 'sha256:4' }), IntegrityError);
    expect(error.details['differences']).toContain('toolchain: zstd none → 1');
    expect(error.hint).toContain('layersmith lock');
  });

  test('of which the lock has one image is refused with --locked alone', async () => {
    const half = new Map([['debian-runtime x86_64', RUNTIME]]);
    expect(await check(half, { locked: false })).toBeUndefined();
    const error = await failure(check(half, { locked: true }), IntegrityError);
    expect(error.message).toContain('debian');
    expect(error.hint).toContain('/project/layersmith.lock');
  });

  test('that only runs is compared by its runtime image', () => {
    const run = (digest: string, kind: 'debian' | 'amazonlinux' = 'debian'): void => {
      const chosen = { kind, runtimeImage: { id: 'b', digest } };
      checkLockedRuntime({ lock: LOCK, path: 'layersmith.lock' }, { ...ON, chosen });
    };
    run('sha256:3');
    expect(() => {
      run('sha256:changed');
    }).toThrow(IntegrityError);
    expect(() => {
      run('sha256:3', 'amazonlinux');
    }).toThrow(/amazonlinux-runtime/);
  });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IntegrityError, UsageError } from '../../../src/core/errors.js';
import {
  checkLock,
  lockDifferences,
  readLock,
  writeLock,
  type LockEntry,
} from '../../../src/toolchain/lock-file.js';
import type { Toolchain } from '../../../src/toolchain/toolchain.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { failure } from '../../support/failure.js';
import { PLATFORM } from '../../support/platform.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const ENTRY: LockEntry = {
  toolchain: 'sha256:1',
  runtime: 'sha256:2',
  packages: [
    { name: 'binutils', version: '2.35.2-2' },
    { name: 'gcc-10', version: '10.2.1-6' },
  ],
  files: {
    toolchain: new Map([
      ['etc/environment', '1'],
      ['etc/fstab', '2'],
    ]),
    runtime: new Map([['etc/fstab', '2']]),
  },
};
const KEY = `${PLATFORM.name} ${PLATFORM.architecture} debian`;
const TOOLCHAIN: Toolchain = {
  kind: 'debian',
  reason: 'asked for',
  buildImage: { id: 'a', digest: 'sha256:1' },
  runtimeImage: { id: 'b', digest: 'sha256:2' },
};

describe('a lock file', () => {
  test('comes back as it was written, in one order', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layersmith.lock');
    await writeLock(
      path,
      new Map([
        ['b', ENTRY],
        ['a', ENTRY],
      ]),
    );
    expect([...(await readLock(path))]).toEqual([
      ['a', ENTRY],
      ['b', ENTRY],
    ]);
    const text = await readFile(path, 'utf8');
    await writeLock(path, await readLock(path));
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('that is not there locks nothing; one that is broken says what to do', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'layersmith.lock');
    expect((await readLock(path)).size).toBe(0);
    await folder.write({ 'layersmith.lock': '{"schemaVersion": 2, "toolchains": {}}' });
    const error = await failure(readLock(path), UsageError);
    expect(error.message).toContain(`the lock file ${path} is not valid`);
    expect(error.hint).toContain('layersmith lock');
  });

  test('of this repository has the embedded toolchain, with its compiler', async () => {
    const lock = await readLock(join(PACKAGE_ROOT, 'layersmith.lock'));
    const entry = lock.get('provided.al2023 x86_64 debian');
    expect(entry?.toolchain).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(entry?.packages.map(({ name }) => name)).toContain('gcc-10');
  });
});

describe('a toolchain', () => {
  const moved: LockEntry = {
    ...ENTRY,
    toolchain: 'sha256:3',
    packages: [
      { name: 'gcc-10', version: '10.2.1-7' },
      { name: 'zstd', version: '1' },
    ],
  };
  const check = (
    lock: ReadonlyMap<string, LockEntry>,
    { locked, here = ENTRY }: { readonly locked: boolean; readonly here?: LockEntry },
  ): Promise<string | undefined> =>
    checkLock(
      { lock, path: '/project/layersmith.lock' },
      {
        platform: PLATFORM,
        toolchain: { ...TOOLCHAIN, buildImage: { id: 'a', digest: here.toolchain } },
        describe: () => Promise.resolve(here),
        locked,
      },
    );
  const locked = new Map([[KEY, ENTRY]]);

  test('that is the locked one says nothing', async () => {
    expect(await check(locked, { locked: true })).toBeUndefined();
  });

  test('that differs is named: packages first, then files', async () => {
    const files = {
      toolchain: new Map([
        ['etc/environment', 'other'],
        ['etc/motd', '3'],
      ]),
      runtime: new Map([['etc/fstab', '2']]),
    };
    expect(lockDifferences(ENTRY, { ...moved, files })).toEqual([
      'binutils 2.35.2-2 → none',
      'gcc-10 10.2.1-6 → 10.2.1-7',
      'zstd none → 1',
      'toolchain image: etc/environment differs',
      'toolchain image: etc/fstab is missing',
      'toolchain image: etc/motd was added',
      'toolchain image sha256:1 → sha256:3',
    ]);
    const warning = await check(locked, { locked: false, here: { ...moved, files } });
    expect(warning).toContain('/project/layersmith.lock: binutils 2.35.2-2 → none');
    expect(warning).toContain('zstd none → 1; and 4 more');
  });

  test('that differs is refused with --locked', async () => {
    const error = await failure(check(locked, { locked: true, here: moved }), IntegrityError);
    expect(error.details['differences']).toContain('gcc-10 10.2.1-6 → 10.2.1-7');
    expect(error.hint).toContain('layersmith lock');
  });

  test('that nobody locked is refused with --locked alone', async () => {
    expect(await check(new Map(), { locked: false })).toBeUndefined();
    const error = await failure(check(new Map(), { locked: true }), IntegrityError);
    expect(error.message).toContain(KEY);
    expect(error.hint).toContain('/project/layersmith.lock');
  });
});

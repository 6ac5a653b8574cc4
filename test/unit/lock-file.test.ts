import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IntegrityError, UsageError } from '../../src/core/errors.js';
import {
  checkLock,
  lockDifferences,
  readLock,
  writeLock,
  type LockEntry,
} from '../../src/toolchain/lock-file.js';
import type { Toolchain } from '../../src/toolchain/toolchain.js';
import { PACKAGE_ROOT } from '../support/fake-io.js';
import { failure } from '../support/failure.js';
import { PLATFORM } from '../support/platform.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ENTRY: LockEntry = {
  toolchain: 'sha256:1',
  runtime: 'sha256:2',
  packages: [
    { name: 'binutils', version: '2.35.2-2' },
    { name: 'gcc-10', version: '10.2.1-6' },
  ],
};
const KEY = `${PLATFORM.name} ${PLATFORM.architecture} debian`;
const TOOLCHAIN: Toolchain = {
  kind: 'debian',
  reason: 'asked for',
  toolchain: { id: 'a', digest: 'sha256:1' },
  runtime: { id: 'b', digest: 'sha256:2' },
};

describe('a lock file', () => {
  test('comes back as it was written, in one order', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'lock.json');
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
    const path = join(folder.path, 'lock.json');
    expect((await readLock(path)).size).toBe(0);
    await folder.write({ 'lock.json': '{"schemaVersion": 2, "toolchains": {}}' });
    const error = await failure(readLock(path), UsageError);
    expect(error.message).toContain(`the lock file ${path} cannot be understood`);
    expect(error.hint).toContain('layersmith lock');
  });

  test('of this repository has the embedded toolchain, with its compiler', async () => {
    const lock = await readLock(join(PACKAGE_ROOT, 'platforms', 'lock.json'));
    const entry = lock.get('provided.al2023 x86_64 debian');
    expect(entry?.toolchain).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(entry?.packages.map(({ name }) => name)).toContain('gcc-10');
  });
});

describe('a toolchain', () => {
  const check = (lock: ReadonlyMap<string, LockEntry>, locked: boolean, packages = ENTRY.packages): unknown =>
    checkLock(lock, { platform: PLATFORM, toolchain: TOOLCHAIN, packages, locked });
  const moved = [
    { name: 'gcc-10', version: '10.2.1-7' },
    { name: 'zstd', version: '1' },
  ];

  test('that is the locked one says nothing', () => {
    expect(check(new Map([[KEY, ENTRY]]), true)).toBeUndefined();
  });

  test('that is another is named, package by package', () => {
    expect(check(new Map([[KEY, ENTRY]]), false, moved)).toBe(
      'the toolchain is not the one of platforms/lock.json: binutils 2.35.2-2 → none; gcc-10 10.2.1-6 → 10.2.1-7; zstd none → 1',
    );
  });

  test('that is another is refused with --locked', async () => {
    const refusing = Promise.resolve().then(() => check(new Map([[KEY, ENTRY]]), true, moved));
    const error = await failure(refusing, IntegrityError);
    expect(error.details['differences']).toContain('gcc-10 10.2.1-6 → 10.2.1-7');
    expect(error.hint).toContain('layersmith lock');
  });

  test('that nobody locked is refused with --locked alone', async () => {
    expect(check(new Map(), false)).toBeUndefined();
    const error = await failure(
      Promise.resolve().then(() => check(new Map(), true)),
      IntegrityError,
    );
    expect(error.message).toBe(`--locked: the lock file has no toolchain for ${KEY}`);
  });

  test('of the same packages in another image is told by the digests', () => {
    expect(lockDifferences(ENTRY, { ...ENTRY, toolchain: 'sha256:3' })).toEqual([
      'toolchain image sha256:1 → sha256:3',
    ]);
  });
});
